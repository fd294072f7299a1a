"""Keywords of JSON Schema whose usual implementation compares everything with everything, or lets a pattern run for
ever: `re` has no time limit, and `uniqueItems`, `unevaluatedItems` and `unevaluatedProperties` search lists.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import ValidationError
from referencing.jsonschema import lookup_recursive_ref

from julep_project.core.schemas.schema_effort import effort

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors | None]

_MOST_NAMED = 5


def _pattern(validator: Any, pattern: Any, value: Any, schema: Any) -> Errors:
    if isinstance(value, str) and not effort().matches(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, value: Any, schema: Any) -> Errors:
    if not isinstance(value, dict):
        return
    for pattern, below in patterns.items():
        for key, item in value.items():
            if effort().matches(pattern, key):
                yield from validator.descend(item, below, path=key, schema_path=pattern)


def _additional_properties(validator: Any, below: Any, value: Any, schema: Any) -> Errors:
    if not isinstance(value, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    effort().spend_size(value)
    extras = [key for key in value if key not in named and not _matches_any(patterns, key)]
    if isinstance(below, dict):
        for key in extras:
            yield from validator.descend(value[key], below, path=key)
    elif not below and extras:
        yield ValidationError(f"Additional properties are not allowed ({_named(extras)} unexpected)")


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Errors:
    if not wanted or not isinstance(value, list):
        return
    effort().spend_size(value)
    seen: set[str] = set()
    for index, item in enumerate(value):
        text = _canonical(item)
        if text in seen:
            yield ValidationError(f"item {index} of the list is there twice")
            return
        seen.add(text)


def _canonical(item: Any) -> str:
    """The same text for equal values; 1 and 1.0 are equal, 1 and true are not."""
    text = json.dumps(item, sort_keys=True)
    if isinstance(item, float | list | dict) and ("." in text or "e" in text):
        text = json.dumps(json.loads(text, parse_float=_number), sort_keys=True)
    return text


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _unevaluated_properties(validator: Any, below: Any, value: Any, schema: Any) -> Errors:
    if not isinstance(value, dict):
        return
    known = _evaluated_keys(validator, value, schema)
    left = [key for key, item in value.items() if key not in known and not _fits(validator, item, below)]
    if left:
        yield ValidationError(f"Unevaluated properties are not allowed ({_named(left)} unexpected)")


def _unevaluated_items(validator: Any, below: Any, value: Any, schema: Any) -> Errors:
    if not isinstance(value, list):
        return
    known = _evaluated_indexes(validator, value, schema)
    left = [str(index) for index, item in enumerate(value) if index not in known and not _fits(validator, item, below)]
    if left:
        yield ValidationError(f"Unevaluated items are not allowed (items {', '.join(left[:_MOST_NAMED])} unexpected)")


def _evaluated_keys(validator: Any, value: dict[str, Any], schema: Any) -> set[str]:
    """The properties that keywords of the schema, and of what it applies to the same value, have looked at."""
    if not isinstance(schema, Mapping):
        return set()
    effort().spend_size(value)
    named = schema.get("properties")
    known = set(named.keys() & value.keys()) if isinstance(named, Mapping) else set()
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in schema:
            known |= {key for key, item in value.items() if _fits(validator, item, schema[keyword])}
    patterns = schema.get("patternProperties", {})
    known |= {key for key in value if _matches_any(patterns, key)}
    for inner, part in _applied(validator, value, schema):
        known |= _evaluated_keys(inner, value, part)
    return known


def _evaluated_indexes(validator: Any, value: list[Any], schema: Any) -> set[int]:
    """The same for the items of a list."""
    if not isinstance(schema, Mapping):
        return set()
    effort().spend_size(value)
    items = schema.get("items")
    if isinstance(items, Mapping | bool) or (items is not None and "additionalItems" in schema):
        return set(range(len(value)))
    known = {*range(len(schema.get("prefixItems", ()))), *range(len(items or ()))}
    for keyword in ("contains", "unevaluatedItems"):
        if keyword in schema:
            known |= {index for index, item in enumerate(value) if _fits(validator, item, schema[keyword])}
    for inner, part in _applied(validator, value, schema):
        known |= _evaluated_indexes(inner, value, part)
    return known


def _applied(validator: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """The schemas that apply to the same value and that it fits."""
    for keyword in ("$ref", "$dynamicRef"):
        if keyword in schema:
            found = validator._resolver.lookup(schema[keyword])
            yield validator.evolve(schema=found.contents, _resolver=found.resolver), found.contents
    if "$recursiveRef" in schema:
        found = lookup_recursive_ref(validator._resolver)
        yield validator.evolve(schema=found.contents, _resolver=found.resolver), found.contents
    for key, part in schema.get("dependentSchemas", {}).items():
        if key in value:
            yield validator, part
    for keyword in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(keyword, ()):
            if _fits(validator, value, part):
                yield validator, part
    if "if" in schema:
        fits = validator.evolve(schema=schema["if"]).is_valid(value)
        if fits:
            yield validator, schema["if"]
        yield validator, schema.get("then" if fits else "else")


def _fits(validator: Any, value: Any, schema: Any) -> bool:
    return next(validator.descend(value, schema), None) is None


def _matches_any(patterns: Mapping[str, Any], key: str) -> bool:
    return any(effort().matches(pattern, key) for pattern in patterns)


def _named(keys: list[str]) -> str:
    return ", ".join(repr(key[:100]) for key in keys[:_MOST_NAMED]) + (", ..." if len(keys) > _MOST_NAMED else "")


KEYWORDS: Mapping[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
