"""What JSON holds: its name in types, and a walk over it."""

from collections.abc import Iterator, Mapping
from typing import Any

# Null, true and false, numbers, texts, lists and objects. A recursive type would have to be narrowed at every step.
Json = Any


def leaves_of(value: Json) -> Iterator[Json]:
    """Every value that is no list or object, and every key, in any order and however deep they are."""
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, Mapping):
            yield from part
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
        else:
            yield part
