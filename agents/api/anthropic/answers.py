"""What the messages API answers, for the API description."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from julep_project.core.api.exception_handler import ANTHROPIC_TYPES
from julep_project.core.reading.fields import Answer, JsonObject, OpenAnswer

_STOPS = ("end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal")
_STATUSES = (400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 500, 503, 529)
_OF_MODELS = (502, 504)


class MessageUsage(Answer):
    """What the model used. Prompts that its provider keeps are counted apart from the rest."""

    nullable = frozenset(
        {"cache_creation", "inference_geo", "output_tokens_details", "server_tool_use", "service_tier", "speed"}
    )

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cache_creation_input_tokens = serializers.IntegerField()
    cache_read_input_tokens = serializers.IntegerField()
    output_tokens_details = JsonObject()
    cache_creation = JsonObject()
    inference_geo = serializers.CharField()
    server_tool_use = JsonObject()
    service_tier = serializers.CharField()
    speed = serializers.CharField()


class MessageAnswer(Answer):
    """What a model said."""

    nullable = frozenset({"container", "diagnostics", "stop_details", "stop_reason", "stop_sequence"})

    id = serializers.CharField()
    type = serializers.ChoiceField(["message"])
    role = serializers.ChoiceField(["assistant"])
    model = serializers.CharField()
    content = serializers.ListField(child=JsonObject())
    stop_reason = serializers.ChoiceField(_STOPS)
    stop_sequence = serializers.CharField()
    stop_details = JsonObject()
    usage = MessageUsage()
    container = JsonObject()
    diagnostics = JsonObject()


class CountedTokens(Answer):
    """The tokens of a prompt."""

    input_tokens = serializers.IntegerField()


class _Told(Answer):
    sometimes = frozenset({"details"})

    type = serializers.ChoiceField(ANTHROPIC_TYPES)
    message = serializers.CharField()
    details = JsonObject(help_text="for programs: an `error_code`, and what belongs to it")


class MessagesError(Answer):
    """What went wrong."""

    nullable = frozenset({"request_id"})

    type = serializers.ChoiceField(["error"])
    error = _Told()
    request_id = serializers.CharField()


class ListedModel(Answer):
    """A model, as Anthropic's API lists it."""

    nullable = frozenset({"capabilities", "deprecated_at", "line", "max_input_tokens", "max_tokens", "retires_at"})

    id = serializers.CharField()
    type = serializers.ChoiceField(["model"])
    display_name = serializers.CharField()
    created_at = serializers.CharField()
    lifecycle = serializers.ChoiceField(["active"])
    line = serializers.CharField()
    capabilities = JsonObject()
    max_input_tokens = serializers.IntegerField()
    max_tokens = serializers.IntegerField()
    deprecated_at = serializers.CharField()
    retires_at = serializers.CharField()


class ListedModels(Answer):
    """A page of them."""

    nullable = frozenset({"first_id", "last_id"})

    data = ListedModel(many=True)  # type: ignore[assignment]  # a key of that API
    has_more = serializers.BooleanField()
    first_id = serializers.CharField()
    last_id = serializers.CharField()


class _EitherTold(OpenAnswer):
    type = serializers.CharField()
    message = serializers.CharField()


class EitherError(OpenAnswer):
    """What went wrong, in the form of the API that asks."""

    error = _EitherTold()


def either(usual: Any, anthropics: Any) -> dict[Any, Any]:
    """The answers of an operation that two APIs have under one name."""
    name = f"{usual.__name__}OrAnthropics"
    answer: Any = PolymorphicProxySerializer(name, [usual, anthropics], resource_type_field_name=None)
    return {200: answer, **dict.fromkeys(_STATUSES, EitherError)}


_ERRORS = dict.fromkeys(_STATUSES, MessagesError)
ANSWERS: dict[Any, Any] = {
    200: MessageAnswer,
    (200, "text/event-stream"): OpenApiTypes.STR,
    **_ERRORS,
    **dict.fromkeys(_OF_MODELS, MessagesError),
}
COUNTED: dict[Any, Any] = {200: CountedTokens, **_ERRORS}
