"""Finds the key that stands twice in one object of a JSON text: a parser keeps the last and says nothing."""

import json
import re
from collections.abc import Iterator
from typing import Any

# Strings, and what tells whether one is a key. Numbers and names lie between.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]:]')


class RepeatedKey(ValueError):
    """A key stands twice in one object."""

    def __init__(self, key: str, first: tuple[int, int], second: tuple[int, int]) -> None:
        places = " and ".join(f"line {line}, column {column}" for line, column in (first, second))
        super().__init__(f"the key {key[:100]!r} stands twice in one object: {places}")


class _Repeated(Exception):
    pass


def refuse_repeated_keys(text: str) -> None:
    """Look through the text of a JSON value that was read, so is JSON and within its bounds.

    Raises:
        RepeatedKey: with both places.
    """
    try:
        # Numbers stay text: reading them is not what this is for, and a long one takes its time.
        json.loads(text, object_pairs_hook=_check_keys, parse_float=str, parse_int=str)
    except _Repeated:
        for key, first, second in _repeated(text):
            raise RepeatedKey(key, _place(text, first), _place(text, second)) from None


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _Repeated


def _repeated(text: str) -> Iterator[tuple[str, int, int]]:
    """Keys that were there before, with the offsets of both."""
    open_objects: list[dict[str, int]] = []
    latest, at = "", 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "{" | "[":
                open_objects.append({})
            case "}" | "]":
                open_objects.pop()
            case ":":
                key = json.loads(latest)
                if key in open_objects[-1]:
                    yield key, open_objects[-1][key], at
                open_objects[-1][key] = at
            case _:
                latest, at = token[0], token.start()


def _place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from one."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
