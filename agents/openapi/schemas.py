"""Schemas of a document as models and checks of arguments know them.

References are written out, as models read no others' parts; keywords that say nothing of a value are left out, and so
is what has not the shape that its keyword should have. What goes round, or is nested deeper than anybody fills in, is
anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import regex

from agents.openapi.document import Document, NotExpressible
from agents.openapi.texts import cleaned
from julep_project.core.json_value import Json
from julep_project.core.schemas.schema_effort import check_pattern
from julep_project.core.schemas.schema_references import UnusableSchema

Schema = dict[str, Any]

# Of one operation, and of all that are imported at once, with references written out.
MOST_PARTS = 2000
MOST_TOGETHER = 80_000
# What is done once for each part must not be long.
_MOST_KEYS = 300
_PATTERN_PARTS = 10
# How many levels are written out, and how many where those are too many parts.
_DEEPEST, _SHALLOW = 12, 3
_MOST_HOPS = 40
_LONGEST_TEXT = 300
_LONGEST_PATTERN = 200
_MOST_VALUES = 300
_LONGEST_VALUE = 300
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_JOINED = ("allOf", "anyOf", "oneOf")


class _TooManyParts(NotExpressible):
    """There is more of an operation than is looked at."""


@dataclass(slots=True)
class Effort:
    """What is left for the operations of one import."""

    parts: int = MOST_TOGETHER


class Translator:
    """Translates the schemas of one operation."""

    def __init__(self, document: Document, effort: Effort) -> None:
        self._document = document
        self._left, self._deepest = MOST_PARTS, _DEEPEST
        self._effort = effort

    def translated(self, value: Json) -> Schema:
        """The schema of a value that is sent; of one that is too large only its first levels.

        Raises:
            NotExpressible: even those are, or a reference leads nowhere.
        """
        left = self._left
        try:
            return self._part(value, 0, frozenset())
        except _TooManyParts:
            self._left, self._deepest = left, _SHALLOW
            return self._part(value, 0, frozenset())

    def _part(self, value: Json, depth: int, within: frozenset[str]) -> Schema:
        self._spend(1)
        if not isinstance(value, Mapping) or depth > self._deepest or len(value) > _MOST_KEYS:
            return {}
        reference = value.get("$ref")
        if isinstance(reference, str):
            if reference in within or len(within) > _MOST_HOPS:
                return {}
            beside = {key: part for key, part in value.items() if key != "$ref"}
            target = self._document.at(reference)
            whole = {**target, **beside} if isinstance(target, Mapping) and len(target) <= _MOST_KEYS else beside
            return self._part(whole, depth, within | {reference})
        return _with_null(self._object(value, depth, within), value.get("nullable") is True)

    def _spend(self, parts: int) -> None:
        self._left -= parts
        self._effort.parts -= parts
        if self._left < 0:
            raise _TooManyParts(f"its schemas have more than {MOST_PARTS} parts")
        if self._effort.parts < 0:
            told = f"the schemas of the operations before it have {MOST_TOGETHER} parts; import fewer at once"
            raise NotExpressible(told)

    def _object(self, value: Mapping[str, Json], depth: int, within: frozenset[str]) -> Schema:
        self._spend(_PATTERN_PARTS if "pattern" in value else 0)
        found = {keyword: part for keyword, read in _PLAIN.items() if (part := read(value.get(keyword))) is not None}
        found.update(_bounds(value))
        for keyword in ("items", "additionalProperties"):
            part = value.get(keyword)
            if isinstance(part, Mapping):
                found[keyword] = self._part(part, depth + 1, within)
        for keyword in (*_JOINED, "prefixItems"):
            parts = value.get(keyword)
            if isinstance(parts, list) and parts:
                found[keyword] = [self._part(part, depth + 1, within) for part in parts]
        if isinstance(value.get("properties"), Mapping):
            found.update(self._properties(value, depth, within))
        elif _are_texts(value.get("required")):
            found["required"] = value["required"]
        return found

    def _properties(self, value: Mapping[str, Json], depth: int, within: frozenset[str]) -> Schema:
        """Of an object that is sent: without what only answers have."""
        properties = {
            name: self._part(part, depth + 1, within)
            for name, part in value["properties"].items()
            if not self._is_read_only(part)
        }
        required = value.get("required")
        names = [name for name in required if name in properties] if _are_texts(required) else []
        return {"properties": properties, **({"required": names} if names else {})}

    def _is_read_only(self, part: Json) -> bool:
        """Looking costs as well: what is sent is paid for when it is translated, what is not sent here."""
        hops = 0
        while isinstance(part, Mapping) and isinstance(reference := part.get("$ref"), str) and hops <= _MOST_HOPS:
            self._spend(1 if hops else 0)
            part, hops = self._document.at(reference), hops + 1
        is_read_only = isinstance(part, Mapping) and part.get("readOnly") is True
        self._spend(1 if is_read_only else 0)
        return is_read_only


def merged(schema: Schema) -> Schema | None:
    """The schema of an object with those that it joins; None if it is not of an object with known keys, or it has
    several forms."""
    if "anyOf" in schema or "oneOf" in schema or schema.get("type", "object") != "object":
        return None
    properties = dict(schema.get("properties", {}))
    required = list(schema.get("required", ()))
    for part in schema.get("allOf", ()):
        whole = merged(part)
        if whole is None:
            return None
        properties = {**whole["properties"], **properties}
        required += whole["required"]
    known = [name for name in dict.fromkeys(required) if name in properties]
    return {"properties": properties, "required": known}


def _with_null(schema: Schema, is_nullable: bool) -> Schema:
    """As OpenAPI 3.0 says that null may be sent."""
    if not is_nullable:
        return schema
    if not isinstance(schema.get("type"), str):
        return schema if "type" in schema or not schema else {"anyOf": [schema, {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if None not in schema.get("enum", [None]) else {}
    return {**schema, "type": [schema["type"], "null"], **values}


def _bounds(value: Mapping[str, Json]) -> Schema:
    """The least and the most of a number; OpenAPI 3.0 says beside them whether they are among the values."""
    found = {}
    for keyword, beyond in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        bound, excluded = value.get(keyword), value.get(beyond)
        if _is_number(excluded):
            found[beyond] = excluded
        if _is_number(bound):
            found[beyond if excluded is True else keyword] = bound
    return found


def _type(value: Json) -> Json:
    if value == "file":
        return "string"
    if isinstance(value, list):
        known = [name for name in _TYPES if name in value[: len(_TYPES)]]
        return known[0] if len(known) == 1 else known or None
    return value if value in _TYPES else None


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_texts(value: Json) -> TypeGuard[list[str]]:
    return isinstance(value, list) and len(value) <= _MOST_KEYS and all(isinstance(item, str) for item in value)


def _number(value: Json) -> Json:
    return value if _is_number(value) and value > 0 else None


def _count(value: Json) -> Json:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _flag(value: Json) -> Json:
    return value if isinstance(value, bool) else None


def _values(value: Json) -> Json:
    is_list = isinstance(value, list) and 0 < len(value) <= _MOST_VALUES
    return value if is_list and all(map(_is_single, value)) else None


def _default(value: Json) -> Json:
    return value if _is_single(value) else None


def _is_single(value: Json) -> bool:
    return not isinstance(value, Mapping | list) and len(str(value)) <= _LONGEST_VALUE


def _pattern(value: Json) -> Json:
    """One that cannot be checked would leave all arguments unchecked."""
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN:
        return None
    try:
        check_pattern(value)
    except (UnusableSchema, regex.error):
        return None
    return value


_PLAIN: Mapping[str, Callable[[Json], Json]] = {
    "type": _type,
    "description": lambda value: cleaned(value, _LONGEST_TEXT) or None,
    "format": lambda value: cleaned(value, 40) or None,
    "enum": _values,
    "const": _default,
    "default": _default,
    "pattern": _pattern,
    "multipleOf": _number,
    "uniqueItems": _flag,
    "additionalProperties": _flag,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _count),
}
