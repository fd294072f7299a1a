"""What the API description says of the answers of the OpenAI API. Providers add keys of their own."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.reading.fields import Answer, JsonObject, OpenAnswer, Text


class CompletionMessageAnswer(OpenAnswer):
    """What a model said."""

    sometimes = frozenset({"tool_calls"})

    role = serializers.ChoiceField(["assistant"])
    content = Text(allow_null=True)
    tool_calls = serializers.ListField(child=JsonObject(), allow_null=True)


class CompletionChoiceAnswer(OpenAnswer):
    """One answer; there is only one."""

    index = serializers.IntegerField()
    finish_reason = Text(allow_null=True)
    message = CompletionMessageAnswer()


class CompletionUsageAnswer(OpenAnswer):
    """Tokens of the call."""

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class ChatCompletionAnswer(OpenAnswer):
    """The answer of a model."""

    sometimes = frozenset({"usage"})
    nullable = frozenset({"usage"})

    id = Text()
    object = serializers.ChoiceField(["chat.completion"])
    created = serializers.IntegerField(help_text="seconds since 1970")
    model = Text()
    choices = CompletionChoiceAnswer(many=True)
    usage = CompletionUsageAnswer()


@extend_schema_field({"oneOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]})
class VectorAnswer(serializers.Field[Any, Any, Any, Any]):
    """Numbers, or in base64 when that was asked for."""


class EmbeddingAnswer(Answer):
    """The vector of one text."""

    object = serializers.ChoiceField(["embedding"])
    index = serializers.IntegerField()
    embedding = VectorAnswer()


class EmbeddingUsageAnswer(Answer):
    """Tokens of all texts."""

    prompt_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class EmbeddingsAnswer(Answer):
    """The vectors of texts."""

    object = serializers.ChoiceField(["list"])
    data = EmbeddingAnswer(many=True)  # type: ignore[assignment]  # a key of the OpenAI API
    model = Text()
    usage = EmbeddingUsageAnswer()


class ModelAnswer(Answer):
    """A model."""

    id = Text()
    object = serializers.ChoiceField(["model"])
    created = serializers.IntegerField()
    owned_by = Text()


class ModelsAnswer(Answer):
    """The models worth showing."""

    object = serializers.ChoiceField(["list"])
    data = ModelAnswer(many=True)  # type: ignore[assignment]  # a key of the OpenAI API
