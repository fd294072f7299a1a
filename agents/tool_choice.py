"""`tool_choice` in requests of the chat completions form."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.llm.request import normal_tool_choice
from julep_project.core.json_value import Json

_CHOICES = ("auto", "none", "required")


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
