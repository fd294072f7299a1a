"""Parts of requests in the chat completions form: the form of the answer, functions, and which one to call."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.llm.request import MOST_TOOLS, normal_tool_choice
from agents.tool_kinds import CLIENT_RUN
from agents.tool_types import ToolType
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import DictOf, JsonObject, Number, SentSchema
from julep_project.core.reading.serializer_errors import below, refuse_others, wrong

_FORMATS = ("text", "json_object", "json_schema")
_CHOICES = ("auto", "none", "required")
# Custom tools, whose arguments are no JSON, are none of them.
_KINDS = [kind for kind in ToolType.values if kind in CLIENT_RUN]
_OF_FUNCTIONS = ("name", "description", "parameters", "strict")
_MOST_BIASES = 1024
# A choice among some of the tools.
ALLOWED_TOOLS = "allowed_tools"
_MODES = ("auto", "required")


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
            for name in ("name", "description"):
                if not isinstance(described.get(name) or "", str):
                    raise wrong("string_type", "json_schema", name)
            _check(described.get("schema"), "json_schema", "schema")
        return found


class FunctionTool(JsonObject):
    """A function in the form of the chat completions API, or a tool that its provider runs, which goes on as it is."""

    def to_internal_value(self, data: Json) -> dict[str, Json]:
        tool = super().to_internal_value(data)
        kind = tool.get("type")
        if kind is None:
            raise wrong("missing", "type")
        if kind not in _KINDS:
            raise wrong("value_error", "type", text=f"The type should be one of {', '.join(map(repr, _KINDS))}.")
        if kind == ToolType.FUNCTION:
            refuse_others(tool, ("type", "function", "cache_control"))
            function = _object(tool, "function")
            refuse_others(function, _OF_FUNCTIONS, "function")
            _check_name(function, "function")
            if not isinstance(function.get("description") or "", str):
                raise wrong("string_type", "function", "description")
            if not isinstance(function.get("strict"), bool | None):
                raise wrong("bool_type", "function", "strict")
            _check(function.get("parameters"), "function", "parameters")
        elif kind in tool:
            _check_name(_object(tool, kind), kind)
        else:
            _check_name(tool)
        return tool


def _object(tool: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    inner = tool.get(name)
    if not isinstance(inner, Mapping):
        raise wrong("missing" if inner is None else "dict_type", name)
    return inner


def _check_name(named: Mapping[str, Json], *place: str) -> None:
    name = named.get("name")
    if not isinstance(name, str) or not name:
        raise wrong("missing" if name is None else "string_type", *place, "name")


@extend_schema_field({"oneOf": [{"type": "string", "enum": list(_CHOICES)}, {"type": "object"}]})
class ToolChoice(serializers.Field[Json, Json, Json, Json]):
    """The name of a way to choose, or the one function to call. Where it `takes_allowed_tools`, those among which the
    model chooses, too."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "enum": "Input should be 'auto', 'none', 'required' or an object with a function.",
        "missing": "The function has no name.",
        "value_error": "Input should have a mode, 'auto' or 'required', and the names of functions.",
    }
    choices: ClassVar[tuple[str, ...]] = _CHOICES

    def __init__(self, *, takes_allowed_tools: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.takes_allowed_tools = takes_allowed_tools

    def to_internal_value(self, data: Json) -> Json:
        """The choice in the form of the chat completions API."""
        if isinstance(data, str) and data in _CHOICES:
            return data
        if self.takes_allowed_tools and isinstance(data, Mapping) and data.get("type") == ALLOWED_TOOLS:
            return self._allowed(data.get(ALLOWED_TOOLS))
        function = data.get("function") if isinstance(data, Mapping) else None
        if not isinstance(function, Mapping) or (data.get("type") or "function") != "function":
            self.fail("enum")
        if not isinstance(function.get("name"), str) or not function["name"]:
            self.fail("missing")
        return normal_tool_choice(data)

    def _allowed(self, given: Json) -> dict[str, Json]:
        tools = given.get("tools") if isinstance(given, Mapping) else None
        listed = tools if isinstance(tools, list) and len(tools) <= MOST_TOOLS else []
        functions = [tool.get("function") if isinstance(tool, Mapping) else None for tool in listed]
        names = [function.get("name") if isinstance(function, Mapping) else None for function in functions]
        if not names or not all(isinstance(name, str) for name in names) or given.get("mode") not in _MODES:
            self.fail("value_error")
        return {"type": ALLOWED_TOOLS, "mode": given["mode"], "names": names}


class LogitBias(DictOf):
    """How much more or less likely tokens become, by their numbers."""

    child = Number(min_value=-100, max_value=100)
    max_length = _MOST_BIASES

    def to_internal_value(self, data: Json) -> dict[str, Any]:
        if isinstance(data, Mapping) and len(data) > _MOST_BIASES:
            raise serializers.ValidationError("", code="too_long")
        return {token: _as_whole(bias) for token, bias in super().to_internal_value(data).items()}


def _as_whole(number: float) -> float | int:
    """A whole number as one: the published form has no others."""
    return int(number) if number.is_integer() else number


def _check(schema: Json, *place: str) -> None:
    """Raises: serializers.ValidationError, located below the field."""
    if schema is None:
        return
    try:
        SentSchema().to_internal_value(schema)
    except serializers.ValidationError as error:
        raise serializers.ValidationError(below(error.detail, *place)) from error
