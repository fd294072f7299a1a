"""What the API description says of the answers of the OpenAI API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.completion_answer import SERVICE_TIERS
from julep_project.core.reading.fields import Answer, JsonObject, Text

# Of an answer.
_ENDS = ["stop", "length", "tool_calls", "content_filter"]


class CompletionCitationAnswer(Answer):
    """A page that a model has read, and where in its text it is referred to."""

    sometimes = frozenset({"end_index", "start_index", "title", "url"})

    end_index = serializers.IntegerField()
    start_index = serializers.IntegerField()
    title = Text()
    url = Text()


class CompletionAnnotationAnswer(Answer):
    """What belongs to some of the text."""

    sometimes = frozenset({"type", "url_citation"})

    type = Text()
    url_citation = CompletionCitationAnswer()


class CompletionSoundAnswer(Answer):
    """What a model said aloud, in base64."""

    sometimes = frozenset({"data", "expires_at", "id", "transcript"})

    id = Text()
    data = Text()  # type: ignore[assignment]  # a key of the OpenAI API
    expires_at = serializers.IntegerField(help_text="seconds since 1970")
    transcript = Text()


class CompletionFunctionAnswer(Answer):
    """What a call calls."""

    name = Text()
    arguments = Text(help_text="JSON, as the model wrote it")


class CompletionCallAnswer(Answer):
    """A call for the client to answer."""

    id = Text()
    type = Text()
    function = CompletionFunctionAnswer()


class CompletionMessageAnswer(Answer):
    """What a model said."""

    sometimes = frozenset({"annotations", "audio", "reasoning_content", "thinking_blocks", "tool_calls"})

    role = serializers.ChoiceField(["assistant"])
    content = Text(allow_null=True)
    refusal = Text(allow_null=True, help_text="why the model would not answer, in its words")
    tool_calls = CompletionCallAnswer(many=True)
    annotations = CompletionAnnotationAnswer(many=True)
    audio = CompletionSoundAnswer()
    reasoning_content = Text(help_text="what the model thought, where its provider tells; of no published form")
    thinking_blocks = serializers.ListField(
        child=JsonObject(), help_text="the same as its provider wants it back; of no published form"
    )


class OtherWordAnswer(Answer):
    """A part of a word that might have stood there."""

    token = Text()
    logprob = serializers.FloatField()
    bytes = serializers.ListField(child=serializers.IntegerField(), allow_null=True)


class WordAnswer(OtherWordAnswer):
    """A part of a word, and how probable it was."""

    top_logprobs = OtherWordAnswer(many=True)


class LogprobsAnswer(Answer):
    """How probable the words were."""

    nullable = frozenset({"content", "refusal"})

    content = WordAnswer(many=True)
    refusal = WordAnswer(many=True)


class CompletionChoiceAnswer(Answer):
    """One answer. There are as many as `n` says."""

    nullable = frozenset({"logprobs"})

    index = serializers.IntegerField()
    finish_reason = serializers.ChoiceField(_ENDS)
    message = CompletionMessageAnswer()
    logprobs = LogprobsAnswer()


class PromptTokensAnswer(Answer):
    """Tokens of a question, of some kinds."""

    sometimes = frozenset({"audio_tokens", "cached_tokens", "cache_write_tokens"})

    audio_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    cache_write_tokens = serializers.IntegerField()


class CompletionTokensAnswer(Answer):
    """Tokens of an answer, of some kinds."""

    sometimes = frozenset(
        {"accepted_prediction_tokens", "audio_tokens", "reasoning_tokens", "rejected_prediction_tokens"}
    )

    accepted_prediction_tokens = serializers.IntegerField()
    audio_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    rejected_prediction_tokens = serializers.IntegerField()


class CompletionUsageAnswer(Answer):
    """Tokens of the call."""

    sometimes = frozenset({"completion_tokens_details", "prompt_tokens_details"})

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    prompt_tokens_details = PromptTokensAnswer()
    completion_tokens_details = CompletionTokensAnswer()


class ChatCompletionAnswer(Answer):
    """The answer of a model."""

    sometimes = frozenset({"moderation", "service_tier", "system_fingerprint"})

    id = Text()
    object = serializers.ChoiceField(["chat.completion"])
    created = serializers.IntegerField(help_text="seconds since 1970")
    model = Text()
    choices = CompletionChoiceAnswer(many=True)
    usage = CompletionUsageAnswer()
    service_tier = serializers.ChoiceField(SERVICE_TIERS)
    system_fingerprint = Text()
    moderation = JsonObject(help_text="what OpenAI thinks of question and answer, where it was asked")


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
