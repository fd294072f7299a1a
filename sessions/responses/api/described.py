"""What the API description says of responses. What is answered may have keys that are not listed."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.reading.fields import Answer, Example, JsonObject, OpenAnswer, Text
from sessions.responses.wire.request import ResponseBody

_STATUSES = ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]})
class Input(serializers.Field[Any, Any, Any, Any]):
    """A text, or items."""


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": {}}]})
class Choice(serializers.Field[Any, Any, Any, Any]):
    """The name of a way to choose, or a tool."""


class WholeResponseBody(ResponseBody):
    """What a response is made of."""

    example = Example(model="offline/echo", input="When is high tide?", max_output_tokens=200)

    input = Input()
    tools = serializers.ListField(child=JsonObject(), required=False)
    tool_choice = Choice(required=False)


class ItemAnswer(OpenAnswer):
    """A message, a call, its output, or what was thought; its `type` says which, and what other keys it has."""

    sometimes = frozenset({"id", "status"})

    id = Text()
    type = Text()
    status = Text()


class ResponseUsageAnswer(OpenAnswer):
    """Tokens of all calls of models together."""

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class ResponseAnswer(OpenAnswer):
    """A response."""

    id = Text()
    object = serializers.ChoiceField(["response"])
    created_at = serializers.IntegerField(help_text="seconds since 1970")
    status = serializers.ChoiceField(_STATUSES)
    error = JsonObject(allow_null=True)
    incomplete_details = JsonObject(allow_null=True)
    model = Text()
    instructions = Text(allow_null=True)
    previous_response_id = Text(allow_null=True)
    output = ItemAnswer(many=True)
    usage = ResponseUsageAnswer(allow_null=True)
    metadata = JsonObject()
    parallel_tool_calls = serializers.BooleanField()
    tool_choice = Choice()
    tools = serializers.ListField(child=JsonObject())


class DeletedResponseAnswer(Answer):
    """A response that was deleted."""

    id = Text()
    object = serializers.ChoiceField(["response"])
    deleted = serializers.BooleanField()


class InputItemsAnswer(Answer):
    """What a response was made from, a page of it."""

    object = serializers.ChoiceField(["list"])
    data = ItemAnswer(many=True)  # type: ignore[assignment]  # a key of the OpenAI API
    first_id = Text(allow_null=True)
    last_id = Text(allow_null=True)
    has_more = serializers.BooleanField()
