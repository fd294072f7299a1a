"""Whether the keywords of a JSON Schema that every reader looks at have the shape they should have.

Less than the check of a schema by that of its dialect, and as quick as its text is short: clients of model providers
only take to pieces what they expect, and break at the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from julep_project.core.schemas.schema_references import MAX_DEPTH, UnusableSchema


def check_shape(schema: Mapping[str, Any]) -> None:
    """Refuse a schema in which one of the keywords has another shape.

    Raises:
        UnusableSchema: with the place.
    """
    level: list[tuple[str, Any]] = [("$", schema)]
    for _ in range(MAX_DEPTH):
        level = [below for place, part in level for below in _checked(place, part)]
        if not level:
            return
    raise UnusableSchema("the schema is nested too deep")


def _checked(place: str, part: Any) -> Iterator[tuple[str, Any]]:
    """The schemas in one, which may also be true or false."""
    if isinstance(part, bool):
        return
    if not isinstance(part, Mapping):
        raise UnusableSchema(f"{place} is no schema")
    for keyword, value in part.items():
        shape = _SHAPES.get(keyword)
        if shape is not None and not shape[0](value):
            raise UnusableSchema(f"{place}.{keyword} is not {shape[1]}")
        yield from _schemas_in(keyword, value, f"{place}.{keyword}")


def _schemas_in(keyword: str, value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if keyword in _MAPS:
        yield from ((f"{place}.{name}", part) for name, part in value.items())
    elif keyword in _LISTS or (keyword == "items" and isinstance(value, list)):
        yield from ((f"{place}[{number}]", part) for number, part in enumerate(value))
    elif keyword in _SINGLE:
        yield place, value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_type(value: Any) -> bool:
    return _is_text(value) or _are_texts(value)


_MAPS = frozenset({"$defs", "definitions", "patternProperties", "properties"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE = frozenset({"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"})
_SHAPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("$ref", "description", "pattern", "title"), (_is_text, "a text")),
    **dict.fromkeys(_MAPS, (_is_object, "an object of schemas")),
    **dict.fromkeys(_LISTS, (_is_list, "a list of schemas")),
    "enum": (_is_list, "a list"),
    "required": (_are_texts, "a list of texts"),
    "type": (_is_type, "a text or a list of texts"),
}
