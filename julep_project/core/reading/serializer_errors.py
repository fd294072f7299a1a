"""The framework's nested error lists as flat entries of a 422 answer."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from rest_framework import serializers

from julep_project.core.reading.validation import ABSENT, HIDDEN, KINDS, Path, how_to_mend_name, problem

# More than anybody reads; one body may hold thousands of mistakes.
MOST_PROBLEMS = 100
_LONGEST_KEY = 80
# Of a key that is not known; its text says how to mend that.
_OTHER = "extra_forbidden"
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
_BOUND_OF_KIND = {
    **dict.fromkeys(("string_too_long", "too_long"), "max_length"),
    **dict.fromkeys(("string_too_short", "too_short"), "min_length"),
    "less_than": "below",
    "less_than_equal": "max_value",
    "greater_than_equal": "min_value",
}
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


def wrong(kind: str, *place: str | int, text: str = "") -> serializers.ValidationError:
    """An error of the framework, of a kind and at a place below the field that raises it. The text is for kinds that
    have none."""
    return serializers.ValidationError(below([serializers.ErrorDetail(text, code=kind)], *place))


def refuse_others(given: Mapping[Any, Any], known: Collection[str], *place: str | int) -> None:
    """Let an object have no keys but those that are known; of others it is told which is meant, perhaps. Null counts as
    not given.

    Raises:
        serializers.ValidationError
    """
    others = [str(name)[:_LONGEST_KEY] for name, value in given.items() if name not in known and value is not None]
    if others:
        hints = ((name, how_to_mend_name(name, known)) for name in others[:MOST_PROBLEMS])
        told = {name: [serializers.ErrorDetail(hint, code=_OTHER)] for name, hint in hints}
        raise serializers.ValidationError(below(told, *place))


def below(detail: Any, *place: str | int) -> Any:
    """The details of an error for whoever reads what is around that place."""
    for name in reversed(place):
        detail = {name: detail}
    return detail


def problems_of(errors: Any, *, received: Any = ABSENT, field: Any = None, loc: Path = ()) -> list[dict[str, Any]]:
    """One entry per error, in the order of the fields: the first `MOST_PROBLEMS`."""
    return list(islice(_problems(errors, received, field, loc), MOST_PROBLEMS))


def _problems(errors: Any, received: Any, field: Any, loc: Path) -> Iterator[dict[str, Any]]:
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            yield from _problems_below(name, inner, received, field, loc)
    elif isinstance(errors, Sequence) and not isinstance(errors, str):
        for index, inner in enumerate(errors):
            if isinstance(inner, Mapping):
                yield from _problems(inner, _at(received, index), _child(field, index), [*loc, index])
            else:
                yield from _problems(inner, received, field, loc)
    else:
        yield _problem(errors, received, field, loc)


def _problems_below(name: Any, errors: Any, received: Any, field: Any, loc: Path) -> Iterator[dict[str, Any]]:
    if name == "non_field_errors":
        return _problems(errors, received, field, loc)
    return _problems(errors, _at(received, name), _child(field, name), [*loc, name])


def _problem(error: Any, received: Any, field: Any, loc: Path) -> dict[str, Any]:
    if isinstance(field, serializers.ListField) and isinstance(received, str):
        # One text stands for a list of it, and what is wrong is the text.
        field = field.child
    code = getattr(error, "code", "invalid")
    kind = code if code in KINDS else _kind(code, field)
    params: dict[str, Any] = {}
    if (bound := _bound(kind, field)) is not None:
        params["bound"] = bound
    if kind == "enum" and (choices := list(getattr(field, "choices", []))):
        params |= {"choices": choices, "expected": ", ".join(repr(choice) for choice in choices)}
    if pattern := getattr(field, "pattern", None):
        params["pattern"] = pattern
    if kind == _OTHER:
        return problem(loc, kind, received=received, fix=str(error) or None)
    return problem(loc, kind, msg=str(error) if kind == "value_error" else None, received=received, **params)


def _kind(code: str, field: Any) -> str:
    if isinstance(field, serializers.ListField) and code in _KIND_OF_LIST_CODE:
        return _KIND_OF_LIST_CODE[code]
    if code in _KIND_OF_CODE:
        return _KIND_OF_CODE[code]
    return next((kind for field_type, kind in _KIND_OF_FIELD if isinstance(field, field_type)), "value_error")


def _bound(kind: str, field: Any) -> Any:
    bound = getattr(field, _BOUND_OF_KIND.get(kind, ""), None)
    return bound or 1 if kind in ("string_too_short", "too_short") else bound


def _child(field: Any, name: Any) -> Any:
    if isinstance(field, serializers.Serializer):
        return field.fields.get(name)
    return getattr(field, "child", None)


def _at(received: Any, name: Any) -> Any:
    if received is HIDDEN:
        return HIDDEN
    try:
        return received[name]
    except (KeyError, IndexError, TypeError):
        return ABSENT
