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
    made = next(made for kind, made in _KINDS if isinstance(field, kind))
    return {**(made(field) if callable(made) else made), **_bounds(field), **described}


def _bounds(field: Any) -> dict[str, Json]:
    names = {"max_length": "maxLength", "min_length": "minLength", "max_value": "maximum", "min_value": "minimum"}
    if isinstance(field, TextList):
        return {}
    if isinstance(field, serializers.ListField):
        names = {"max_length": "maxItems", "min_length": "minItems"}
    bounds = {word: getattr(field, name, None) for name, word in names.items()}
    return {word: bound for word, bound in bounds.items() if bound is not None}


def _list(field: Any) -> dict[str, Json]:
    return {"type": "array", "items": _schema(field.child)}


# The first that fits; classes come before those they are made from.
_KINDS: tuple[tuple[type[Any], Mapping[str, Json] | Callable[[Any], Mapping[str, Json]]], ...] = (
    (serializers.ListSerializer, _list),
    (serializers.BaseSerializer, lambda field: body_schema(type(field))),
    (TextList, lambda field: {"anyOf": [_schema(field.child), _list(field)]}),
    (serializers.ListField, _list),
    (serializers.DictField, lambda field: {"type": "object", "additionalProperties": _schema(field.child)}),
    (JsonObject, {"type": "object"}),
    (serializers.ChoiceField, lambda field: {"enum": list(field.choices)}),
    (Pattern, lambda field: {"type": "string", "pattern": field.pattern}),
    (serializers.UUIDField, {"type": "string", "format": "uuid"}),
    (serializers.DateTimeField, {"type": "string", "format": "date-time"}),
    (serializers.CharField, {"type": "string"}),
    (serializers.BooleanField, {"type": "boolean"}),
    (serializers.IntegerField, {"type": "integer"}),
    (serializers.FloatField, {"type": "number"}),
    (serializers.Field, {}),
)
