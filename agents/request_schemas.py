"""Parts of requests in the chat completions form: the form of the answer, functions, and which one to call."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.llm.request import normal_tool_choice
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import DictOf, JsonObject, Number, SentSchema
from julep_project.core.reading.serializer_errors import below

_FORMATS = ("text", "json_object", "json_schema")
_CHOICES = ("auto", "none", "required")
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


@extend_schema_field({"oneOf": [{"type": "string", "enum": list(_CHOICES)}, {"type": "object"}]})
class ToolChoice(serializers.Field[Json, Json, Json, Json]):
    """The name of a way to choose, or the one function to call."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "enum": "Input should be 'auto', 'none', 'required' or an object with a function.",
        "missing": "The function has no name.",
    }
    choices: ClassVar[tuple[str, ...]] = _CHOICES

    def to_internal_value(self, data: Json) -> Json:
        """The choice in the form of the chat completions API."""
        if isinstance(data, str) and data in _CHOICES:
            return data
        function = data.get("function") if isinstance(data, Mapping) else None
        if not isinstance(function, Mapping):
            self.fail("enum")
        if not isinstance(function.get("name"), str) or not function["name"]:
            self.fail("missing")
        return normal_tool_choice(data)


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
        SentSchema().to_internal_value(schema)
    except serializers.ValidationError as error:
        raise serializers.ValidationError(below(error.detail, *place)) from error
