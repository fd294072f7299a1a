"""JSON Schemas in requests of the chat completions form: of the answer, and of the arguments of functions."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from julep_project.core.json_value import Json
from julep_project.core.reading.fields import DictOf, JsonObject, JsonSchema, Number

_FORMATS = ("text", "json_object", "json_schema")
_MOST_BIASES = 1024


class ResponseFormat(JsonObject):
    """`text`, `json_object`, or `json_schema` with its schema."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "enum": "The type should be 'text', 'json_object' or 'json_schema'.",
        "missing": "`json_schema` should hold the schema.",
    }
    choices: ClassVar[tuple[str, ...]] = _FORMATS

    def to_internal_value(self, data: Json) -> dict[str, Json]:
        found = super().to_internal_value(data)
        if found.get("type") not in _FORMATS:
            self.fail("enum")
        if found["type"] == "json_schema":
            described = found.get("json_schema")
            if not isinstance(described, Mapping):
                self.fail("missing")
            _check(described.get("schema"), "json_schema", "schema")
        return found


class FunctionTool(JsonObject):
    """A tool as it is, the schema of its arguments checked where it has one."""

    def to_internal_value(self, data: Json) -> dict[str, Json]:
        tool = super().to_internal_value(data)
        function = tool.get("function")
        if isinstance(function, Mapping):
            _check(function.get("parameters"), "function", "parameters")
        return tool


class LogitBias(DictOf):
    """How much more or less likely tokens become, by their numbers."""

    child = Number(min_value=-100, max_value=100)
    max_length = _MOST_BIASES

    def to_internal_value(self, data: Json) -> dict[str, Any]:
        if isinstance(data, Mapping) and len(data) > _MOST_BIASES:
            raise serializers.ValidationError("", code="too_long")
        return super().to_internal_value(data)


def _check(schema: Json, *place: str) -> None:
    """Raises: serializers.ValidationError, located below the field."""
    if schema is None:
        return
    try:
        JsonSchema().to_internal_value(schema)
    except serializers.ValidationError as error:
        detail: Any = error.detail
        for name in reversed(place):
            detail = {name: detail}
        raise serializers.ValidationError(detail) from error
