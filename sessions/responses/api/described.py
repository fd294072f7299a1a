"""What the API description says of responses."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.reading.fields import Answer, Example, JsonObject, Text
from sessions.responses.api.item_answers import ItemAnswer
from sessions.responses.wire.request import CompactionBody, CountBody, ResponseBody

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


class WholeCountBody(CountBody):
    """What is counted."""

    example = Example(model="offline/echo", input="When is high tide?")

    input = Input(required=False)
    tools = serializers.ListField(child=JsonObject(), required=False)
    tool_choice = Choice(required=False)


class WholeCompactionBody(CompactionBody):
    """What is put in short."""

    example = Example(
        model="offline/echo",
        input=[{"role": "user", "content": "When is high tide?"}, {"role": "assistant", "content": "At noon."}],
    )

    input = Input(required=False)


class CachedTokensAnswer(Answer):
    """Of what went in."""

    cached_tokens = serializers.IntegerField()
    cache_write_tokens = serializers.IntegerField()


class ThoughtTokensAnswer(Answer):
    """Of what came out."""

    reasoning_tokens = serializers.IntegerField()


class ResponseUsageAnswer(Answer):
    """Tokens of all calls of models together."""

    input_tokens = serializers.IntegerField()
    input_tokens_details = CachedTokensAnswer()
    output_tokens = serializers.IntegerField()
    output_tokens_details = ThoughtTokensAnswer()
    total_tokens = serializers.IntegerField()


class ResponseErrorAnswer(Answer):
    """Why there is no answer."""

    code = Text()
    message = Text()


class IncompleteAnswer(Answer):
    """Why the answer is cut short."""

    reason = Text()


class ReasoningAnswer(Answer):
    """How the model was to think."""

    sometimes = frozenset({"generate_summary", "context", "mode"})

    effort = Text(allow_null=True)
    summary = Text(allow_null=True)
    generate_summary = Text()
    context = Text()  # type: ignore[assignment]  # a key of the OpenAI API
    mode = Text()


class FormatAnswer(Answer):
    """The form the answer's text was to have."""

    sometimes = frozenset({"name", "description", "schema", "strict"})

    type = Text()
    name = Text()
    description = Text(allow_null=True)
    schema = JsonObject()
    strict = serializers.BooleanField()


class AnswerTextAnswer(Answer):
    """How the answer's text was to be."""

    sometimes = frozenset({"verbosity"})

    format = FormatAnswer()
    verbosity = Text()


class ConversationNamed(Answer):
    """The conversation that the response is a part of."""

    id = Text()


class ResponseAnswer(Answer):
    """A response."""

    sometimes = frozenset(
        {"user", "conversation", "prompt_cache_options", "prompt_cache_retention", "logit_bias", "stop"}
    )

    id = Text()
    object = serializers.ChoiceField(["response"])
    created_at = serializers.IntegerField(help_text="seconds since 1970")
    completed_at = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(_STATUSES)
    error = ResponseErrorAnswer(allow_null=True)
    incomplete_details = IncompleteAnswer(allow_null=True)
    model = Text()
    instructions = Text(allow_null=True)
    output = ItemAnswer(many=True)
    usage = ResponseUsageAnswer(allow_null=True)
    metadata = JsonObject()
    previous_response_id = Text(allow_null=True)
    conversation = ConversationNamed()
    max_output_tokens = serializers.IntegerField(allow_null=True)
    max_tool_calls = serializers.IntegerField(allow_null=True)
    parallel_tool_calls = serializers.BooleanField()
    tool_choice = Choice()
    tools = serializers.ListField(child=JsonObject())
    text = AnswerTextAnswer()
    reasoning = ReasoningAnswer(allow_null=True)
    truncation = Text()
    background = serializers.BooleanField()
    store = serializers.BooleanField()
    temperature = serializers.FloatField()
    top_p = serializers.FloatField()
    presence_penalty = serializers.FloatField()
    frequency_penalty = serializers.FloatField()
    top_logprobs = serializers.IntegerField()
    service_tier = Text()
    safety_identifier = Text(allow_null=True)
    prompt_cache_key = Text(allow_null=True)
    prompt_cache_options = JsonObject()
    prompt_cache_retention = Text()
    user = Text()
    logit_bias = JsonObject()
    stop = serializers.ListField(child=Text())


class CompactedAnswer(Answer):
    """A conversation in short, to be sent in its place."""

    id = Text()
    object = serializers.ChoiceField(["response.compaction"])
    created_at = serializers.IntegerField()
    output = ItemAnswer(many=True)
    usage = ResponseUsageAnswer()


class CountedAnswer(Answer):
    """How many tokens a request would have."""

    object = serializers.ChoiceField(["response.input_tokens"])
    input_tokens = serializers.IntegerField()


class DeletedResponseAnswer(Answer):
    """A response that was deleted."""

    id = Text()
    object = serializers.ChoiceField(["response"])
    deleted = serializers.BooleanField()


class InputItemsAnswer(Answer):
    """What a response was made from, a page of it."""

    object = serializers.ChoiceField(["list"])
    data = ItemAnswer(many=True)
    first_id = Text(allow_null=True)
    last_id = Text(allow_null=True)
    has_more = serializers.BooleanField()
