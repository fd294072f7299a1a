"""JSON schemas of request bodies, made from the serializers that read them."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework import serializers

from julep_project.core.json_value import Json
from julep_project.core.reading.fields import JsonObject, Pattern, TextList

Field = serializers.Field[Any, Any, Any, Any]


def body_schema(body: type[serializers.Serializer[Any]], *, partial: bool = False) -> dict[str, Json]:
    """The schema of a body; with `partial` nothing in it is required."""
    fields = {name: field for name, field in body().fields.items() if not field.read_only}
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {name: _schema(field) for name, field in fields.items()},
    }
    required = [name for name, field in fields.items() if field.required]
    return {**schema, "required": required} if required and not partial else schema


def _schema(field: Field) -> dict[str, Json]:
    described = {"description": str(field.help_text)} if field.help_text else {}
    make = next(make for kind, make in _KINDS if isinstance(field, kind))
    return {**make(field), **_bounds(field), **described}


def _bounds(field: Any) -> dict[str, Json]:
    names = {"max_length": "maxLength", "min_length": "minLength", "max_value": "maximum", "min_value": "minimum"}
    if isinstance(field, TextList):
        return {}
    if isinstance(field, serializers.ListField):
        names = {"max_length": "maxItems", "min_length": "minItems"}
    bounds = {word: getattr(field, name, None) for name, word in names.items()}
    return {word: bound for word, bound in bounds.items() if bound is not None}


def _nested(field: Any) -> dict[str, Json]:
    return body_schema(type(field))


def _list(field: Any) -> dict[str, Json]:
    return {"type": "array", "items": _schema(field.child)}


def _texts(field: Any) -> dict[str, Json]:
    return {"anyOf": [_schema(field.child), _list(field)]}


def _choice(field: Any) -> dict[str, Json]:
    return {"enum": list(field.choices)}


def _pattern(field: Any) -> dict[str, Json]:
    return {"type": "string", "pattern": field.pattern}


def _simple(**schema: Json) -> Callable[[Any], Mapping[str, Json]]:
    return lambda field: schema


# The first that fits; classes come before those they are made from.
_KINDS: tuple[tuple[Any, Callable[[Any], Mapping[str, Json]]], ...] = (
    (serializers.ListSerializer, _list),
    (serializers.BaseSerializer, _nested),
    (TextList, _texts),
    (serializers.ListField, _list),
    (serializers.DictField, lambda field: {"type": "object", "additionalProperties": _schema(field.child)}),
    (JsonObject, _simple(type="object")),
    (serializers.ChoiceField, _choice),
    (Pattern, _pattern),
    (serializers.UUIDField, _simple(type="string", format="uuid")),
    (serializers.DateTimeField, _simple(type="string", format="date-time")),
    (serializers.CharField, _simple(type="string")),
    (serializers.BooleanField, _simple(type="boolean")),
    (serializers.IntegerField, _simple(type="integer")),
    (serializers.FloatField, _simple(type="number")),
    (serializers.Field, _simple()),
)
