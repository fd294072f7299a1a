"""What a chat completion is made of: each parameter that is published, and what becomes of it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from agents.api.completion_messages import CompletionMessage, CompletionMessages
from agents.llm.request import MOST_MESSAGES, MOST_TOOLS
from agents.request_schemas import FunctionTool, LogitBias, ResponseFormat, ToolChoice
from julep_project.core.reading.fields import Body, Example, JsonObject, ListOf, Number, Text, TextList
from julep_project.core.reading.serializer_errors import wrong
from julep_project.core.reading.surface import Surface, honoured, refused, sent

_MOST_TOKENS = 2**31 - 1
_LARGEST_SEED = 2**63 - 1
_LONGEST_ID = 1024
_MOST_METADATA, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512
_MOST_STOPS = 4
_MOST_CHOICES = 128
_MOST_PARTS = 1000

_OLD_CALLS = "Of the time before `tools`, which are to be sent instead."
_OF_OPEN_MODELS = "For servers of open models."

CHAT_COMPLETIONS = Surface(
    "Chat completions",
    "POST /v1/chat/completions",
    published=("openai.types.chat.completion_create_params:CompletionCreateParamsStreaming",),
    parameters=(
        sent("messages", "Parts `text`, `image_url`, `input_audio`, `file` and `refusal`; others are refused."),
        honoured("model", "Without it the model of the server. Any model of a provider with a key."),
        sent("audio"),
        sent("frequency_penalty"),
        refused("function_call", _OLD_CALLS),
        refused("functions", _OLD_CALLS),
        sent("logit_bias"),
        sent("logprobs"),
        sent("max_completion_tokens"),
        sent("max_tokens"),
        sent("metadata"),
        sent("modalities"),
        sent("moderation"),
        sent("n", "In a stream one choice is given, and more are refused. The form is asked of the first."),
        sent("parallel_tool_calls"),
        sent("prediction"),
        sent("presence_penalty"),
        sent("prompt_cache_key"),
        sent("prompt_cache_options"),
        sent("prompt_cache_retention"),
        sent("reasoning_effort", "Not to Claude after calls of tools, where its thoughts were not sent along."),
        sent("response_format", "What comes is checked here, too: an answer of another form is asked for once more."),
        sent("safety_identifier"),
        sent("seed"),
        sent("service_tier"),
        sent("stop"),
        sent("store"),
        honoured("stream", "Events, the last of them `data: [DONE]`."),
        honoured("stream_options", "`include_usage`. Streams are not padded: `include_obfuscation` is refused."),
        sent("temperature"),
        sent("tool_choice", "Of `allowed_tools` the model is offered those alone; `custom` is refused."),
        sent("tools", "Functions; `custom` tools are refused."),
        sent("top_logprobs"),
        sent("top_p"),
        sent("user"),
        sent("verbosity"),
        sent("web_search_options"),
        sent("length_penalty", _OF_OPEN_MODELS, is_ours=True),
        sent("min_p", _OF_OPEN_MODELS, is_ours=True),
        sent("repetition_penalty", _OF_OPEN_MODELS, is_ours=True),
        sent("top_k", "For servers of open models, Claude and Gemini.", is_ours=True),
    ),
)


class _Whole(JsonObject):
    """An object that goes on as it is, once what is known of it was checked."""

    body: ClassVar[type[Body]]

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        self.body().run_validation(found)
        return found


class _Voice(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be the name or the id of a voice."}

    def to_internal_value(self, data: Any) -> Any:
        name = data.get("id") if isinstance(data, dict) else data
        if not isinstance(name, str) or not name:
            self.fail("string_type")
        return data


class _AudioBody(Body):
    format = serializers.ChoiceField(["wav", "aac", "mp3", "flac", "opus", "pcm16"])
    voice = _Voice()


class _Audio(_Whole):
    body = _AudioBody


class _PredictionContent(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be text or a list of texts."}

    def to_internal_value(self, data: Any) -> Any:
        parts = data if isinstance(data, list) and len(data) <= _MOST_PARTS else [{"type": "text", "text": data}]
        for part in parts:
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                self.fail("string_type")
        return data


class _PredictionBody(Body):
    type = serializers.ChoiceField(["content"])
    content = _PredictionContent()


class _Prediction(_Whole):
    body = _PredictionBody


class _CacheBody(Body):
    mode = serializers.ChoiceField(["implicit", "explicit"], required=False)
    ttl = Text(required=False, max_length=16)


class _CacheOptions(_Whole):
    body = _CacheBody


class _ModerationBody(Body):
    model = Text(min_length=1, max_length=255)
    policy = JsonObject(required=False)


class _Moderation(_Whole):
    body = _ModerationBody


class _PlaceBody(Body):
    type = serializers.ChoiceField(["approximate"])
    approximate = JsonObject()


class _WebSearchBody(Body):
    search_context_size = serializers.ChoiceField(["low", "medium", "high"], required=False)
    user_location = _PlaceBody(required=False)


class _WebSearch(_Whole):
    body = _WebSearchBody


class Metadata(JsonObject):
    """Texts under names, as a provider keeps them with an answer."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": (
            f"Input should have at most {_MOST_METADATA} texts of {_LONGEST_VALUE} characters, "
            f"under names of {_LONGEST_KEY}."
        )
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        fits = len(found) <= _MOST_METADATA and all(
            len(name) <= _LONGEST_KEY and isinstance(text, str) and len(text) <= _LONGEST_VALUE
            for name, text in found.items()
        )
        if not fits:
            self.fail("value_error")
        return found


class StreamOptions(Body):
    """What a stream tells beside the answer."""

    include_usage = serializers.BooleanField(default=False)
    include_obfuscation = serializers.BooleanField(default=False)

    def to_internal_value(self, data: Any) -> Any:
        """The options, which are all known."""
        others = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if others:
            raise wrong("extra_forbidden", str(min(others)))
        return super().to_internal_value(data)


class ChatCompletionBody(Body):
    """What a completion is made of."""

    surface = CHAT_COMPLETIONS
    example = Example(
        model="offline/echo", messages=[{"role": "user", "content": "When is high tide?"}], max_tokens=200
    )

    model = Text(required=False, max_length=255)
    messages = CompletionMessages(child=CompletionMessage(), min_length=1, max_length=MOST_MESSAGES)
    tools = ListOf(child=FunctionTool(), required=False, max_length=MOST_TOOLS)
    tool_choice = ToolChoice(required=False, takes_allowed_tools=True)
    stream = serializers.BooleanField(default=False)
    stream_options = StreamOptions(required=False)
    temperature = Number(required=False)
    top_p = Number(required=False)
    min_p = Number(required=False)
    top_k = serializers.IntegerField(required=False, min_value=-1, max_value=_MOST_TOKENS)
    frequency_penalty = Number(required=False)
    presence_penalty = Number(required=False)
    repetition_penalty = Number(required=False)
    length_penalty = Number(required=False)
    max_tokens = serializers.IntegerField(required=False, min_value=1, max_value=_MOST_TOKENS)
    max_completion_tokens = serializers.IntegerField(required=False, min_value=1, max_value=_MOST_TOKENS)
    stop = TextList(required=False, max_length=_MOST_STOPS)
    n = serializers.IntegerField(required=False, min_value=1, max_value=_MOST_CHOICES)
    seed = serializers.IntegerField(required=False, min_value=-_LARGEST_SEED, max_value=_LARGEST_SEED)
    response_format = ResponseFormat(required=False)
    logit_bias = LogitBias(required=False)
    logprobs = serializers.BooleanField(required=False)
    top_logprobs = serializers.IntegerField(required=False, min_value=0, max_value=20)
    parallel_tool_calls = serializers.BooleanField(required=False)
    reasoning_effort = serializers.ChoiceField(
        ["none", "minimal", "low", "medium", "high", "xhigh", "max"], required=False
    )
    verbosity = serializers.ChoiceField(["low", "medium", "high"], required=False)
    modalities = ListOf(child=serializers.ChoiceField(["text", "audio"]), required=False, min_length=1, max_length=2)
    audio = _Audio(required=False)
    prediction = _Prediction(required=False)
    web_search_options = _WebSearch(required=False)
    service_tier = serializers.ChoiceField(["auto", "default", "flex", "scale", "priority", "fast"], required=False)
    store = serializers.BooleanField(required=False)
    metadata = Metadata(required=False)
    user = Text(required=False, max_length=_LONGEST_ID)
    safety_identifier = Text(required=False, max_length=_LONGEST_ID)
    prompt_cache_key = Text(required=False, max_length=_LONGEST_ID)
    prompt_cache_retention = serializers.ChoiceField(["in_memory", "24h"], required=False)
    prompt_cache_options = _CacheOptions(required=False)
    moderation = _Moderation(required=False)
