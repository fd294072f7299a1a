"""What a chat completion is made of: each parameter that is published, and what becomes of it."""

from rest_framework import serializers

from agents.api.completion_messages import CompletionMessage, CompletionMessages
from agents.api.completion_parts import (
    Audio,
    CacheOptions,
    Metadata,
    Moderation,
    Prediction,
    PublishedChoice,
    PublishedFormat,
    StreamOptions,
    WebSearch,
)
from agents.llm.request import MOST_MESSAGES, MOST_TOOLS
from agents.request_schemas import FunctionTool, LogitBias
from julep_project.core.reading.fields import Body, Example, ListOf, Number, Text, TextList
from julep_project.core.reading.surface import Surface, honoured, refused, sent

_MOST_TOKENS = 2**31 - 1
_LARGEST_SEED = 2**63 - 1
_LONGEST_ID = 1024
_MOST_STOPS = 4
_MOST_CHOICES = 128

_MESSAGES = (
    "Parts `text`, `image_url`, `input_audio`, `file` and `refusal`, with `cache_control` if need be; others are "
    "refused. `thinking_blocks` of an answer go back to its model; its `annotations` and `reasoning_content` are "
    "taken, and not told again."
)
_OLD_CALLS = "Of the time before `tools`, which are to be sent instead."
_OF_OPEN_MODELS = "For servers of open models."

CHAT_COMPLETIONS = Surface(
    "Chat completions",
    "POST /v1/chat/completions",
    published=("openai.types.chat.completion_create_params:CompletionCreateParamsStreaming",),
    parameters=(
        sent("messages", _MESSAGES),
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
        honoured(
            "stream_options",
            "`include_usage`, with `stream`. Streams are not padded: `include_obfuscation` is refused.",
        ),
        sent("temperature"),
        sent("tool_choice", "Of `allowed_tools` the model is offered those alone; `custom` is refused."),
        sent("tools", "Functions; `custom` tools are refused. `strict` counts where a provider has such a mode."),
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


class ChatCompletionBody(Body):
    """What a completion is made of."""

    surface = CHAT_COMPLETIONS
    example = Example(
        model="offline/echo", messages=[{"role": "user", "content": "When is high tide?"}], max_tokens=200
    )

    model = Text(required=False, max_length=255)
    messages = CompletionMessages(child=CompletionMessage(), min_length=1, max_length=MOST_MESSAGES)
    tools = ListOf(child=FunctionTool(), required=False, max_length=MOST_TOOLS)
    tool_choice = PublishedChoice(required=False)
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
    response_format = PublishedFormat(required=False)
    logit_bias = LogitBias(required=False)
    logprobs = serializers.BooleanField(required=False)
    top_logprobs = serializers.IntegerField(required=False, min_value=0, max_value=20)
    parallel_tool_calls = serializers.BooleanField(required=False)
    reasoning_effort = serializers.ChoiceField(
        ["none", "minimal", "low", "medium", "high", "xhigh", "max"], required=False
    )
    verbosity = serializers.ChoiceField(["low", "medium", "high"], required=False)
    modalities = ListOf(child=serializers.ChoiceField(["text", "audio"]), required=False, min_length=1, max_length=2)
    audio = Audio(required=False)
    prediction = Prediction(required=False)
    web_search_options = WebSearch(required=False)
    service_tier = serializers.ChoiceField(["auto", "default", "flex", "scale", "priority", "fast"], required=False)
    store = serializers.BooleanField(required=False)
    metadata = Metadata(required=False)
    user = Text(required=False, max_length=_LONGEST_ID)
    safety_identifier = Text(required=False, max_length=_LONGEST_ID)
    prompt_cache_key = Text(required=False, max_length=_LONGEST_ID)
    prompt_cache_retention = serializers.ChoiceField(["in_memory", "24h"], required=False)
    prompt_cache_options = CacheOptions(required=False)
    moderation = Moderation(required=False)
