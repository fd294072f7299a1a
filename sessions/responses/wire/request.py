"""Reads the body of `POST /responses`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.llm.choice import resolve_model
from agents.request_schemas import LogitBias
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Body, JsonObject, ListOf, Number, SentSchema, StrictBody, Text, TextList
from julep_project.core.reading.serializer_errors import refuse_others
from julep_project.core.reading.surface import ParameterRefused, Surface
from julep_project.core.reading.validation import invalid
from sessions.responses.wire.errors import at
from sessions.responses.wire.ids import conversation_reference, parse_conversation_reference, parse_response_reference
from sessions.responses.wire.items import Item, read_input
from sessions.responses.wire.parameters import COMPACT, INPUT_TOKENS, RESPONSES
from sessions.responses.wire.shown import ENCRYPTED_REASONING, INCLUDABLE, LOGPROBS
from sessions.responses.wire.tool_choice import chosen
from sessions.responses.wire.tools import Tools, read_tools

TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
RETENTIONS = ("in_memory", "24h")
UNKNOWN_PREVIOUS = "previous_response_id not found"
UNKNOWN_CONVERSATION = "conversation not found"
# What a model gets as it was given.
_SENT = (
    "temperature", "top_p", "top_logprobs", "parallel_tool_calls", "presence_penalty", "frequency_penalty", "user",
    "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "logit_bias", "stop",
)  # fmt: skip
_MOST_INCLUDES = 20
_LONGEST_NAME = 64
_MOST_STOPS = 16
# Fields of a request that the response object repeats, in its order.
_ECHOED = (
    "model", "instructions", "metadata", "max_output_tokens", "max_tool_calls", "parallel_tool_calls",
    "previous_response_id", "reasoning", "background", "store", "temperature", "presence_penalty", "frequency_penalty",
    "text", "tool_choice", "tools", "top_p", "top_logprobs", "truncation", "service_tier", "safety_identifier",
    "prompt_cache_key", "user",
)  # fmt: skip
# Those that it only has if they were given.
_ECHOED_IF_GIVEN = ("prompt_cache_options", "prompt_cache_retention", "logit_bias", "stop")
# How the settings are called in requests, where that is another name.
_OWN_NAMES = {
    "logprobs": "top_logprobs",
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}


class ReasoningBody(StrictBody):
    """How much the model thinks."""

    effort = serializers.ChoiceField(["none", "minimal", "low", "medium", "high", "xhigh", "max"], required=False)
    summary = serializers.ChoiceField(["auto", "concise", "detailed"], required=False)
    generate_summary = serializers.ChoiceField(["auto", "concise", "detailed"], required=False)
    context = serializers.ChoiceField(["auto", "current_turn", "all_turns"], required=False)  # type: ignore[assignment]
    mode = Text(required=False, max_length=_LONGEST_NAME)


class FormatBody(StrictBody):
    """The form of the answer's text."""

    type = serializers.ChoiceField(["text", "json_object", "json_schema"])
    name = Text(required=False, min_length=1, max_length=64)
    description = Text(required=False)
    schema = SentSchema(required=False)
    strict = serializers.BooleanField(required=False)


class AnswerTextBody(StrictBody):
    """How the answer's text is written."""

    format = FormatBody(required=False)
    verbosity = serializers.ChoiceField(["low", "medium", "high"], required=False)


class StreamOptionsBody(StrictBody):
    """How events are told."""

    include_obfuscation = serializers.BooleanField(required=False)


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "properties": {"id": {"type": "string"}}}]})
class ConversationField(serializers.Field[Any, Any, Any, Any]):
    """The id of a conversation, or an object with it."""

    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be an id, or an object with one."}

    def to_internal_value(self, data: Json) -> str:
        named = data.get("id") if isinstance(data, Mapping) else data
        if not isinstance(named, str):
            self.fail("string_type")
        if isinstance(data, Mapping):
            refuse_others(data, ("id",))
        return named


class CacheBody(StrictBody):
    """How a prompt is kept for later ones."""

    mode = serializers.ChoiceField(["implicit", "explicit"], required=False)
    ttl = Text(required=False, max_length=16)


class AskedBody(Body):
    """What an answer is made of; `input`, `tools` and `tool_choice` are read beside it."""

    model = Text(min_length=1, max_length=255)
    instructions = Text(required=False)
    previous_response_id = Text(required=False)
    conversation = ConversationField(required=False)
    text = AnswerTextBody(required=False)
    reasoning = ReasoningBody(required=False)
    parallel_tool_calls = serializers.BooleanField(required=False)
    truncation = serializers.ChoiceField(["auto", "disabled"], default="disabled")


class ResponseBody(AskedBody):
    """The body of `POST /responses`."""

    surface: ClassVar[Surface | None] = RESPONSES

    max_output_tokens = serializers.IntegerField(required=False, min_value=1)
    max_tokens = serializers.IntegerField(required=False, min_value=1)
    max_tool_calls = serializers.IntegerField(required=False, min_value=1)
    temperature = Number(required=False, min_value=0, max_value=2)
    top_p = Number(required=False, min_value=0, max_value=1)
    presence_penalty = Number(required=False, min_value=-2, max_value=2)
    frequency_penalty = Number(required=False, min_value=-2, max_value=2)
    top_logprobs = serializers.IntegerField(required=False, min_value=0, max_value=20)
    logit_bias = LogitBias(required=False)
    stop = TextList(required=False, max_length=_MOST_STOPS)
    service_tier = serializers.ChoiceField(TIERS, required=False)
    safety_identifier = Text(required=False, max_length=_LONGEST_NAME)
    prompt_cache_key = Text(required=False, max_length=_LONGEST_NAME)
    prompt_cache_options = CacheBody(required=False)
    prompt_cache_retention = serializers.ChoiceField(RETENTIONS, required=False)
    metadata = JsonObject(required=False)
    user = Text(required=False)
    include = ListOf(child=serializers.ChoiceField(INCLUDABLE), required=False, max_length=_MOST_INCLUDES)
    store = serializers.BooleanField(default=True)
    stream = serializers.BooleanField(default=False)
    stream_options = StreamOptionsBody(required=False)
    background = serializers.BooleanField(default=False)


class CountBody(AskedBody):
    """The body of `POST /responses/input_tokens`."""

    surface: ClassVar[Surface | None] = INPUT_TOKENS

    model = Text(required=False, min_length=1, max_length=255)


class CompactionBody(Body):
    """The body of `POST /responses/compact`."""

    surface: ClassVar[Surface | None] = COMPACT

    model = Text(min_length=1, max_length=255)
    instructions = Text(required=False)
    previous_response_id = Text(required=False)
    service_tier = serializers.ChoiceField(TIERS, required=False)
    prompt_cache_key = Text(required=False, max_length=_LONGEST_NAME)
    prompt_cache_options = CacheBody(required=False)
    prompt_cache_retention = serializers.ChoiceField(RETENTIONS, required=False)


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What is asked. `echo` holds the fields the response object repeats, null where they were not given."""

    echo: Mapping[str, Json]
    items: list[Item]
    tools: Tools
    previous_id: UUID | None = None
    conversation_id: UUID | None = None
    include: tuple[str, ...] = ()
    store: bool = True
    stream: bool = False
    background: bool = False

    @property
    def model(self) -> str:
        """The model's name as given."""
        return str(self.echo["model"])

    @property
    def may_cut(self) -> bool:
        """Whether the oldest part of a conversation that is too large is to be left out."""
        return bool(self.echo["truncation"] == "auto")

    @property
    def wants_logprobs(self) -> bool:
        """Whether the probabilities of tokens are to be told."""
        return LOGPROBS in self.include

    @property
    def wants_summary(self) -> bool:
        """Whether what the model thinks is to be told as a summary."""
        reasoning = self.echo["reasoning"] or {}
        return bool(reasoning.get("summary") or reasoning.get("generate_summary"))

    @property
    def wants_encrypted(self) -> bool:
        """Whether what the model thinks is to be given in a form in which its provider sees it again."""
        return ENCRYPTED_REASONING in self.include

    def settings(self) -> dict[str, Json]:
        """What the model is to be called with, in the words of chat completions. Nulls are not given."""
        settings: dict[str, Json] = {name: self.echo.get(name) for name in _SENT}
        settings["max_tokens"] = self.echo["max_output_tokens"]
        settings["reasoning_effort"] = (self.echo["reasoning"] or {}).get("effort")
        settings["verbosity"] = self.echo["text"].get("verbosity")
        settings["response_format"] = self.response_format()
        settings["logprobs"] = True if self.wants_logprobs else None
        settings["top_logprobs"] = settings["top_logprobs"] or None
        if not self.tools.presented():
            del settings["parallel_tool_calls"]
        return {name: value for name, value in settings.items() if value is not None}

    def response_format(self) -> dict[str, Json] | None:
        """The form the answer must have; None when any text will do."""
        wanted = self.echo["text"]["format"]
        if wanted["type"] == "text":
            return None
        if wanted["type"] == "json_object":
            return {"type": "json_object"}
        schema = {name: wanted[name] for name in ("name", "description", "schema", "strict") if name in wanted}
        return {"type": "json_schema", "json_schema": schema}


def read_request(body: Json, response_id: UUID) -> ResponseRequest:
    """The request of a body; ids of its items are made from that of the response.

    Raises:
        InvalidInput: a field is not of its type.
        BadRequest: fields contradict each other, or something is not supported.
        NotFound: the previous response's or the conversation's id cannot be one.
    """
    values = ResponseBody.read(body)
    if (values.get("stream_options") or {}).get("include_obfuscation"):
        raise ParameterRefused("stream_options.include_obfuscation", "Nothing is obfuscated")
    if values["background"] and not values["store"]:
        raise at(BadRequest("background needs store: the answer is fetched later"), "background")
    if body.get("input") is None:
        raise invalid(("input",), "missing")
    include = set(values.get("include") or ())
    if values.get("top_logprobs"):
        include.add(LOGPROBS)
    return ResponseRequest(
        items=read_input(body["input"], response_id),
        include=tuple(sorted(include)),
        store=values["store"],
        stream=values["stream"],
        background=values["background"],
        **_asked(values, body),
    )


def read_count(body: Json, response_id: UUID) -> ResponseRequest:
    """What is to be counted: a request without what changes no number, and without a model if any will do.

    Raises:
        InvalidInput, BadRequest, NotFound: as `read_request`.
    """
    values = CountBody.read(body)
    values["model"] = resolve_model(values.get("model"))
    given = body.get("input")
    return ResponseRequest(items=[] if given is None else read_input(given, response_id), **_asked(values, body))


def read_compaction(body: Json, response_id: UUID) -> ResponseRequest:
    """What is to be compacted.

    Raises:
        InvalidInput, BadRequest, NotFound: as `read_request`.
    """
    values = {"truncation": "disabled", **CompactionBody.read(body)}
    given = body.get("input")
    if given is None and values.get("previous_response_id") is None:
        raise invalid(("input",), "missing")
    items = [] if given is None else read_input(given, response_id)
    return ResponseRequest(items=items, **_asked(values, {}))


def _asked(values: Mapping[str, Json], body: Mapping[str, Json]) -> dict[str, Any]:
    """Of a body that was read as `AskedBody`: what it is to be answered with, and which conversation it continues.

    Raises:
        InvalidInput, BadRequest, NotFound: as `read_request`.
    """
    if values.get("previous_response_id") is not None and values.get("conversation") is not None:
        raise at(BadRequest("previous_response_id and conversation exclude each other"), "conversation")
    for name in ("context", "mode"):
        if (values.get("reasoning") or {}).get(name) not in (None, "auto", "standard"):
            raise ParameterRefused(f"reasoning.{name}")
    tools, choice = body.get("tools"), body.get("tool_choice")
    tools = [] if tools is None else tools
    conversation_id = _conversation_id(values.get("conversation"))
    return {
        "tools": chosen(read_tools(tools), choice),
        "echo": _echo(values, tools, choice, conversation_id),
        "previous_id": _previous_id(values.get("previous_response_id")),
        "conversation_id": conversation_id,
    }


def reopen_request(
    echo: Mapping[str, Json], items: list[Item], previous_id: UUID | None, include: tuple[str, ...]
) -> ResponseRequest:
    """The request of a response that was stored to be answered in the background."""
    return ResponseRequest(
        echo=echo,
        items=items,
        tools=chosen(read_tools(list(echo["tools"])), echo["tool_choice"]),
        previous_id=previous_id,
        conversation_id=_conversation_id((echo.get("conversation") or {}).get("id")),
        include=include,
        background=True,
    )


def in_own_words(error: ParameterRefused) -> ParameterRefused:
    """The refusal of a setting, under the name it has in requests."""
    given = str(error.param)
    return ParameterRefused(_OWN_NAMES.get(given, given), "the model does not take it")


def _echo(values: Mapping[str, Json], tools: Json, tool_choice: Json, conversation_id: UUID | None) -> dict[str, Json]:
    reasoning = values.get("reasoning")
    reworded = {
        "metadata": values.get("metadata") or {},
        "max_output_tokens": values.get("max_output_tokens") or values.get("max_tokens"),
        "reasoning": None if reasoning is None else {"effort": None, "summary": None, **reasoning},
        "text": _text(values.get("text") or {}),
        "tool_choice": "auto" if tool_choice is None else tool_choice,
        "tools": tools,
    }
    echo = {name: reworded[name] if name in reworded else values.get(name) for name in _ECHOED}
    echo |= {name: values[name] for name in _ECHOED_IF_GIVEN if name in values}
    if conversation_id is not None:
        echo["conversation"] = {"id": conversation_reference(conversation_id)}
    return echo


def _text(given: Mapping[str, Json]) -> dict[str, Json]:
    wanted = dict(given.get("format") or {"type": "text"})
    if wanted["type"] == "json_schema":
        for name in ("name", "schema"):
            if name not in wanted:
                raise invalid(("text", "format", name), "missing")
    return {**given, "format": wanted}


def _previous_id(reference: str | None) -> UUID | None:
    if reference is None:
        return None
    found = parse_response_reference(reference)
    if found is None:
        raise at(NotFound(UNKNOWN_PREVIOUS), "previous_response_id")
    return found


def _conversation_id(reference: str | None) -> UUID | None:
    if reference is None:
        return None
    found = parse_conversation_reference(reference)
    if found is None:
        raise at(NotFound(UNKNOWN_CONVERSATION), "conversation")
    return found
