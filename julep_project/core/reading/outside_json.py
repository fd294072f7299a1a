"""Reads JSON that others wrote: request bodies, answers of tools and providers, arguments that models write.

A parser builds before anybody can look at what it built: 16 MB of `[[],[],...]` are half a gigabyte of lists, and
some parsers call themselves once per level. So the text is scanned first, in linear time and without recursion, and
what is nested too deep or has too many parts is never parsed.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NoReturn

import orjson

from julep_project.core.reading.jsontext import to_storable, written_in_pieces

MAX_DEPTH = 200
MAX_CONTAINERS = 200_000
MAX_ELEMENTS = 500_000
# A key of RSA has as many. The time to read or write a number grows with the square of its digits: a body full of
# numbers of 4,000 digits took seconds.
MAX_INTEGER_BITS = 4096

# Other threads may run between two slices.
_SLICE = 256 * 1024
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# Each bracket as the step of the depth that it makes, a signed byte.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
# orjson reads a whole number beyond 64 bits as a float and loses digits.
_LONG_NUMBER = b"0" * 19
_MOST_DIGITS = len(f"-{1 << MAX_INTEGER_BITS}")


class TooMuchJson(ValueError):
    """The text is nested too deep, or has more parts than the bounds allow."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a JSON text may have. Containers are objects and arrays; elements are containers and commas."""

    depth: int = MAX_DEPTH
    containers: int = MAX_CONTAINERS
    elements: int = MAX_ELEMENTS


DEFAULT_BOUNDS = Bounds()


def read_json(text: bytes | str, bounds: Bounds = DEFAULT_BOUNDS, *, strict: bool = True) -> Any:
    """The value of JSON text; whole numbers keep every digit. If not `strict`, texts may hold line breaks and other
    control characters as they are.

    Raises:
        TooMuchJson: it is beyond the bounds; nothing was built.
        ValueError: not JSON (NaN, Infinity and lone surrogates are not), or a whole number beyond `MAX_INTEGER_BITS`.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    check_json(raw, bounds)
    return orjson.loads(raw) if strict and not _has_long_number(raw) else _exact_loads(raw, strict)


def read_foreign_json(content: bytes) -> Any:
    """The value of JSON that was not written for us, as it can be stored (see `to_storable`): programs write NaN, NUL
    and halves of surrogate pairs, put a mark at the beginning, or use UTF-16.

    Raises:
        TooMuchJson: it is beyond the bounds; nothing was built.
        ValueError: not JSON, or a whole number beyond `MAX_INTEGER_BITS`.
    """
    encoding = json.detect_encoding(content)
    raw = content if encoding == "utf-8" else content.decode(encoding).encode()
    try:
        return to_storable(read_json(raw))
    except TooMuchJson:
        raise
    except ValueError:
        return to_storable(json.loads(raw.decode(), parse_int=_whole))


def read_pieces(content: bytes) -> Any:
    """The value of JSON whose texts go on in other ones, as it was written: one may end with half of a character.

    Raises:
        as `read_foreign_json`.
    """
    try:
        return read_json(content)
    except TooMuchJson:
        raise
    except ValueError:
        return json.loads(content.decode(), parse_int=_whole)


def check_json(raw: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> None:
    """Refuse what is beyond the bounds, be it JSON or not: as far as a parser would get, the counts are right.

    Raises:
        TooMuchJson
    """
    depth = containers = commas = 0
    for part in _outside_strings(raw):
        steps = part.translate(_STEPS, _NOT_BRACKETS)
        opened = steps.count(1)
        containers += opened
        commas += len(part) - len(steps)
        if containers > bounds.depth and max(accumulate(memoryview(steps).cast("b"), initial=depth)) > bounds.depth:
            raise TooMuchJson(f"nested deeper than {bounds.depth} levels")
        if containers > bounds.containers:
            raise TooMuchJson(f"more than {bounds.containers:,} objects and arrays")
        if containers + commas > bounds.elements:
            raise TooMuchJson(f"more than {bounds.elements:,} elements")
        depth += 2 * opened - len(steps)


def _outside_strings(raw: bytes) -> Iterator[bytes]:
    """The brackets and commas that are not in strings, slice by slice."""
    in_string = False
    start = 0
    while start < len(raw):
        end = start + _SLICE
        part = raw[start:end]
        if b"\\" in part:
            part = part.replace(b"\\\\", b"").replace(b'\\"', b"")
            # A backslash that is left at the end escapes what the next slice begins with.
            end += part.endswith(b"\\")
        # Two quotes side by side, whether they are the ends of a string or not, change nothing for what is around.
        pieces = part.translate(None, _NOT_STRUCTURE).replace(b'""', b"").split(b'"')
        yield b"".join(pieces[in_string::2])
        in_string ^= len(pieces) % 2 == 0
        start = end


def _has_long_number(raw: bytes) -> bool:
    """Linear, unlike a search for so many digits in a row by a regular expression."""
    step = _SLICE - len(_LONG_NUMBER)
    return any(_LONG_NUMBER in raw[at : at + _SLICE].translate(_AS_ZEROS) for at in range(0, len(raw), step))


def _exact_loads(raw: bytes, strict: bool) -> Any:
    """The standard reader keeps every digit of a whole number, but lets through what JSON does not have."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    def finite(text: str) -> float:
        number = float(text)
        if math.isinf(number):
            raise ValueError("number is out of range")
        return number

    value = json.loads(raw.decode(), strict=strict, parse_constant=refuse, parse_float=finite, parse_int=_whole)
    if b"\\u" in raw:
        written_in_pieces(value, ensure_ascii=False).encode()
    return value


def _whole(digits: str) -> int:
    """Reading a long number takes its time: as this is called for each one, others may run between two."""
    if len(digits) > _MOST_DIGITS or (number := int(digits)).bit_length() > MAX_INTEGER_BITS:
        raise ValueError(f"a whole number has more than {MAX_INTEGER_BITS:,} bits")
    return number
