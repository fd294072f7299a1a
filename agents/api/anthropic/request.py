"""A request of the messages API, read, and what the gateway is asked for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.anthropic.blocks import read_cache_control
from agents.api.anthropic.conversation import (
    Message,
    for_others,
    read_messages,
    read_system,
    unmarked,
    with_cache_mark,
)
from agents.api.anthropic.part import Part
from agents.api.anthropic.schema import read_schema
from agents.api.anthropic.surface import COUNT_TOKENS, MESSAGES
from agents.api.anthropic.tools import Tool, chosen, read_choice, read_tools
from agents.llm.choice import resolve_listed_model
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Body, Example, ListOf, Number, Text
from julep_project.core.reading.surface import ParameterRefused
from julep_project.core.reading.validation import Path, invalid

MOST_STOPS = 64
LONGEST_STOP = 1024
_LEAST_BUDGET = 1024
_MOST_TOKENS = 2**31 - 1
_DISPLAYS = ("summarized", "omitted")
_CLAUDE = "claude"
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
# What other settings are called here, for who is told that a model does not take one.
_NAMES = {
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "reasoning_effort": "output_config.effort",
    "response_format": "output_config.format",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
}
# What the tool runner of the published client needs to know to go on without: this server keeps no conversations here.
_NO_THREADS = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
_HEADERS = {"anthropic-user-profile-id": "user_profile_id", "anthropic-workspace-id": "workspace_id"}
_OBJECT = {"type": "object", "additionalProperties": {}}
_TEXT_OR_BLOCKS = {"oneOf": [{"type": "string"}, {"type": "array", "items": _OBJECT}]}


class _Field(serializers.Field[Any, Any, Any, Any]):
    """What a reader reads, which says at its place what is wrong."""

    reader: ClassVar["staticmethod[[Json, Path], Any]"]

    def to_internal_value(self, data: Json) -> Any:
        return self.reader(data, (str(self.field_name),))


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["role", "content"],
            "properties": {
                "role": {"type": "string", "enum": ["user", "assistant", "system"]},
                "content": _TEXT_OR_BLOCKS,
            },
        },
    }
)
class _Messages(_Field):
    reader = staticmethod(read_messages)


@extend_schema_field(_TEXT_OR_BLOCKS)
class _System(_Field):
    reader = staticmethod(read_system)


@extend_schema_field({"type": "array", "items": _OBJECT})
class _Tools(_Field):
    reader = staticmethod(read_tools)


@extend_schema_field(_OBJECT)
class _ToolChoice(_Field):
    reader = staticmethod(read_choice)


def _read_thinking(given: Json, loc: Path) -> dict[str, Json]:
    thinking = Part.at(given, loc)
    kind = thinking.choice("type", ("enabled", "disabled", "adaptive", "between_tools"))
    shows = ("display",) if kind in ("enabled", "adaptive") else ()
    thinking.only("type", *shows, *(("budget_tokens",) if kind == "enabled" else ()))
    read: dict[str, Json] = {"type": kind}
    if kind == "enabled":
        read["budget_tokens"] = thinking.whole("budget_tokens", least=_LEAST_BUDGET)
    if thinking.has("display"):
        read["display"] = thinking.choice("display", _DISPLAYS)
    return read


@extend_schema_field(_OBJECT)
class _Thinking(_Field):
    reader = staticmethod(_read_thinking)


def _read_output(given: Json, loc: Path) -> dict[str, Json]:
    """The settings of the gateway that an `output_config` stands for."""
    config = Part.at(given, loc).only("effort", "format")
    read: dict[str, Json] = {}
    if config.has("effort"):
        read["reasoning_effort"] = config.choice("effort", _EFFORTS)
    if config.has("format"):
        wanted = config.part("format").only("type", "schema")
        wanted.choice("type", ("json_schema",))
        described = {"name": "output", "schema": read_schema(wanted.part("schema")), "strict": True}
        read["response_format"] = {"type": "json_schema", "json_schema": described}
    return read


@extend_schema_field(_OBJECT)
class _OutputConfig(_Field):
    reader = staticmethod(_read_output)


def _read_metadata(given: Json, loc: Path) -> dict[str, Json]:
    metadata = Part.at(given, loc).only("user_id")
    return {"user": metadata.text("user_id", max_length=512)} if metadata.has("user_id") else {}


@extend_schema_field(_OBJECT)
class _Metadata(_Field):
    reader = staticmethod(_read_metadata)


@extend_schema_field(_OBJECT)
class _CacheControl(_Field):
    reader = staticmethod(read_cache_control)


class CountTokensBody(Body):
    """A prompt of which the tokens are counted."""

    surface = COUNT_TOKENS
    example = Example(model="offline/echo", messages=[{"role": "user", "content": "When is high tide?"}])

    model = Text(min_length=1, max_length=255)
    messages = _Messages()
    system = _System(required=False)
    tools = _Tools(required=False)
    tool_choice = _ToolChoice(required=False)
    thinking = _Thinking(required=False)
    output_config = _OutputConfig(required=False)
    cache_control = _CacheControl(required=False)
    speed = serializers.ChoiceField(["standard"], required=False)


class MessagesBody(CountTokensBody):
    """What a message is made of."""

    surface = MESSAGES
    example = Example(max_tokens=100, **CountTokensBody.example)

    max_tokens = serializers.IntegerField(min_value=1, max_value=_MOST_TOKENS)
    stream = serializers.BooleanField(default=False)
    stop_sequences = ListOf(child=Text(min_length=1, max_length=LONGEST_STOP), required=False, max_length=MOST_STOPS)
    temperature = Number(required=False, min_value=0, max_value=1)
    top_p = Number(required=False, min_value=0, max_value=1)
    top_k = serializers.IntegerField(required=False, min_value=0, max_value=_MOST_TOKENS)
    metadata = _Metadata(required=False)
    service_tier = serializers.ChoiceField(["auto", "standard_only"], required=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is asked."""

    model: str
    messages: Sequence[Message]
    tools: Sequence[Tool]
    tool_choice: Json
    settings: Mapping[str, Json]
    stream: bool = False
    shows_thoughts: bool = True

    @classmethod
    def read(cls, body: Json) -> "Asked":
        """A message to be made.

        Raises:
            InvalidInput, BadRequest
        """
        _refuse_thread(body)
        return cls._of(MessagesBody.read(body))

    @classmethod
    def read_to_count(cls, body: Json) -> "Asked":
        """A prompt to be counted.

        Raises:
            InvalidInput, BadRequest
        """
        return cls._of(CountTokensBody.read(body))

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> "Asked":
        messages = [*values.get("system", ()), *values["messages"]]
        model, tools, choice = resolve_listed_model(values["model"]), values.get("tools", []), values.get("tool_choice")
        if _CLAUDE not in model.lower():
            messages, tools = for_others(messages), [unmarked(tool) for tool in tools]
        elif messages and "cache_control" in values:
            messages = with_cache_mark(messages, values["cache_control"])
        if not messages:
            raise invalid(("messages",), "value_error", msg="The messages say nothing")
        return cls(
            model=model,
            messages=messages,
            tools=tools,
            tool_choice=None if choice is None else chosen(choice, tools),
            settings=_settings(values, choice),
            stream=values.get("stream", False),
            shows_thoughts=_shows_thoughts(values.get("thinking", {})),
        )


def refuse_headers(request: HttpRequest) -> None:
    """Refuse parameters that published clients send as headers.

    Raises:
        ParameterRefused
    """
    for header, name in _HEADERS.items():
        if request.headers.get(header):
            raise ParameterRefused(name, "there are no such things here")


def _refuse_thread(body: Json) -> None:
    if isinstance(body, Mapping) and body.get("thread") is not None:
        refused = ParameterRefused("thread", "send the whole conversation")
        refused.extra["details"] = _NO_THREADS
        raise refused


def named_here(error: ParameterRefused) -> ParameterRefused:
    """The refusal of a setting by the name that it has in this API."""
    name = error.param or ""
    return ParameterRefused(_NAMES.get(name, name), error.why)


def _settings(values: Mapping[str, Any], choice: Part | None) -> dict[str, Json]:
    settings = {name: values[name] for name in ("max_tokens", "temperature", "top_p", "top_k") if name in values}
    settings |= {**values.get("metadata", {}), **values.get("output_config", {})}
    if values.get("stop_sequences"):
        settings["stop"] = values["stop_sequences"]
    if "thinking" in values:
        _check_budget(values["thinking"], values.get("max_tokens"))
        settings["thinking"] = values["thinking"]
    if choice is not None and choice.flag("disable_parallel_tool_use"):
        settings["parallel_tool_calls"] = False
    if values.get("service_tier") == "standard_only":
        settings["service_tier"] = "default"
    return settings


def _shows_thoughts(thinking: Mapping[str, Json]) -> bool:
    return thinking.get("type") != "disabled" and thinking.get("display") != "omitted"


def _check_budget(thinking: Mapping[str, Json], max_tokens: int | None) -> None:
    budget = thinking.get("budget_tokens")
    if budget is not None and max_tokens is not None and budget >= max_tokens:
        where = ("thinking", "budget_tokens")
        raise invalid(where, "value_error", msg="The budget has to be below max_tokens", received=budget)
