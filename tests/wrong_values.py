"""A body that is right, with one value that is wrong: every value it has, replaced by every kind of nonsense."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

MEGABYTE = "x" * 2**20
_DEEP: Any = {"a": [{"b": [{"c": [{}] * 3}]}]}
# Kind of nonsense -> the value. Those of the first table are of another type, and may not be taken.
_OTHER_TYPES: Mapping[type, Mapping[str, Any]] = {
    str: {"a number": 5, "an object": {"a": 1}, "true": True, "nested junk": _DEEP},
    bool: {"a text": "x", "a number": 5, "a list": [], "an object": {}, "nested junk": _DEEP},
    int: {"a text": "x", "true": True, "a list": [], "an object": {}, "nested junk": _DEEP},
    float: {"a text": "x", "true": True, "a list": [], "an object": {}, "nested junk": _DEEP},
    list: {"a number": 5, "an object": {"a": 1}, "true": True, "nested junk": _DEEP},
    dict: {"a number": 5, "a list": [1], "a text": "x", "true": True},
}
# These may be right somewhere: null counts as not given, and NUL is taken out.
_ODD: Mapping[type, Mapping[str, Any]] = {
    str: {"null": None, "too long": MEGABYTE, "an unknown word": "no such thing", "NUL": "a\0b", "empty": ""},
    bool: {"null": None},
    int: {"null": None, "huge": 10**30, "negative": -1, "a fraction": 1.5},
    float: {"null": None, "huge": 1e300, "negative": -1e300},
    list: {"null": None, "empty": [], "of objects": [{}], "of nulls": [None], "of junk": [_DEEP]},
    dict: {"null": None, "empty": {}, "junk": {"junk": _DEEP}},
}


@dataclass(frozen=True)
class Wrong:
    """One such body. Unless it `may_be_taken`, it has to be refused."""

    place: str
    kind: str
    body: Any
    may_be_taken: bool

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}"


def wrong_values(body: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> Iterator[Wrong]:
    """Of every value of the body but those at places that begin like those `without`, all the wrong ones."""
    for path, value in _values(body, ()):
        place = _place(path)
        if place.startswith(without):
            continue
        for table, may_be_taken in ((_OTHER_TYPES, False), (_ODD, True)):
            for kind, wrong in table[type(value)].items():
                yield Wrong(place, kind, _replaced(body, path, wrong), may_be_taken)


def with_unknown_keys(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Of every object in the body, the body with a key in it that nobody knows, and the place of that."""
    for path, value in _values(body, ()):
        if isinstance(value, Mapping):
            yield _place((*path, "made_up")), _replaced(body, path, {**value, "made_up": {"a": 1}})


def _values(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if path:
        yield path, value
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from _values(part, (*path, name))


def _replaced(body: Any, path: tuple[str | int, ...], wrong: Any) -> Any:
    changed = deepcopy(body)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = wrong
    return changed


def _place(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
