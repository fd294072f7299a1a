"""The framework's nested error lists as flat entries of a 422 answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from julep_project.core.validation import ABSENT, KINDS, Path, problem

_KIND_OF_CODE = {
    "required": "missing",
    "max_length": "string_too_long",
    "min_length": "string_too_short",
    "blank": "string_too_short",
    "max_value": "less_than_equal",
    "min_value": "greater_than_equal",
    "invalid_choice": "enum",
    "not_a_list": "list_type",
    "not_a_dict": "dict_type",
}
_KIND_OF_LIST_CODE = {"max_length": "too_long", "min_length": "too_short", "empty": "too_short"}
_KIND_OF_FIELD: list[tuple[type[serializers.Field[Any, Any, Any, Any]], str]] = [
    (serializers.UUIDField, "uuid_parsing"),
    (serializers.DateTimeField, "datetime_parsing"),
    (serializers.URLField, "url_parsing"),
    (serializers.EmailField, "email"),
    (serializers.RegexField, "string_pattern_mismatch"),
    (serializers.CharField, "string_type"),
    (serializers.IntegerField, "int_type"),
    (serializers.FloatField, "float_type"),
    (serializers.BooleanField, "bool_type"),
    (serializers.ListField, "list_type"),
    (serializers.ListSerializer, "list_type"),
    (serializers.DictField, "dict_type"),
    (serializers.Serializer, "dict_type"),
]


def problems_of(errors: Any, *, received: Any = ABSENT, field: Any = None, loc: Path = ()) -> list[dict[str, Any]]:
    """One entry per error, in the order of the fields."""
    if isinstance(errors, Mapping):
        return [entry for name, inner in errors.items() for entry in _problems_below(name, inner, received, field, loc)]
    if isinstance(errors, Sequence) and not isinstance(errors, str):
        return [
            entry
            for index, inner in enumerate(errors)
            for entry in (
                problems_of(inner, received=_at(received, index), field=_child(field, index), loc=[*loc, index])
                if isinstance(inner, Mapping)
                else problems_of(inner, received=received, field=field, loc=loc)
            )
        ]
    return [_problem(errors, received, field, loc)]


def _problems_below(name: Any, errors: Any, received: Any, field: Any, loc: Path) -> list[dict[str, Any]]:
    if name == "non_field_errors":
        return problems_of(errors, received=received, field=field, loc=loc)
    return problems_of(errors, received=_at(received, name), field=_child(field, name), loc=[*loc, name])


def _problem(error: Any, received: Any, field: Any, loc: Path) -> dict[str, Any]:
    code = getattr(error, "code", "invalid")
    kind = code if code in KINDS else _kind(code, field)
    params: dict[str, Any] = {}
    if (bound := _bound(kind, field)) is not None:
        params["bound"] = bound
    if kind == "enum" and (choices := list(getattr(field, "choices", []))):
        params |= {"choices": choices, "expected": ", ".join(repr(choice) for choice in choices)}
    if pattern := getattr(field, "pattern", None):
        params["pattern"] = pattern
    return problem(loc, kind, msg=str(error) if kind == "value_error" else None, received=received, **params)


def _kind(code: str, field: Any) -> str:
    if isinstance(field, serializers.ListField) and code in _KIND_OF_LIST_CODE:
        return _KIND_OF_LIST_CODE[code]
    if code in _KIND_OF_CODE:
        return _KIND_OF_CODE[code]
    return next((kind for field_type, kind in _KIND_OF_FIELD if isinstance(field, field_type)), "value_error")


def _bound(kind: str, field: Any) -> Any:
    match kind:
        case "string_too_long" | "too_long":
            return getattr(field, "max_length", None)
        case "string_too_short" | "too_short":
            return getattr(field, "min_length", None) or 1
        case "less_than":
            return getattr(field, "below", None)
        case "less_than_equal":
            return getattr(field, "max_value", None)
        case "greater_than_equal":
            return getattr(field, "min_value", None)
    return None


def _child(field: Any, name: Any) -> Any:
    if isinstance(field, serializers.Serializer):
        return field.fields.get(name)
    return getattr(field, "child", None)


def _at(received: Any, name: Any) -> Any:
    try:
        return received[name]
    except (KeyError, IndexError, TypeError):
        return ABSENT
