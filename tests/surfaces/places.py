"""Places in bodies, such as `messages[].content[].text`: those of a published client's types, and those of a body."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, get_args, get_origin, get_type_hints

from julep_project.core.reading.surface import Surface


def published_places(surface: Surface) -> set[str]:
    """Where its types have keys of their own."""
    found: set[str] = set()
    for path in surface.published:
        module, _, name = path.partition(":")
        found.update(_places_in(getattr(import_module(module), name), ""))
    return found


def places_of(value: Any, at: str = "") -> set[str]:
    """Where a body has keys."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        for name, part in value.items():
            place = _below(at, name)
            found |= {place} | places_of(part, place)
    elif isinstance(value, list):
        for part in value:
            found |= places_of(part, f"{at}[]")
    return found


def _places_in(described: Any, at: str) -> Iterator[str]:
    if hasattr(described, "__required_keys__"):
        for name, kind in get_type_hints(described).items():
            place = _below(at, name)
            yield place
            yield from _places_in(kind, place)
        return
    origin = get_origin(described)
    is_list = isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping)
    for part in get_args(described):
        yield from _places_in(part, f"{at}[]" if is_list else at)


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
