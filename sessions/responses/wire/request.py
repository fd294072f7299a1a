"""Reads the body of `POST /responses`."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from rest_framework import serializers

from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Body, JsonObject, JsonSchema, ListOf, Number, Text
from julep_project.core.reading.validation import invalid
from sessions.responses.wire.ids import parse_response_reference
from sessions.responses.wire.items import Item, read_input
from sessions.responses.wire.tools import Tools, read_tools

UNKNOWN_PREVIOUS = "previous_response_id not found"
_SAMPLING = ("temperature", "top_p", "parallel_tool_calls", "top_logprobs")
_MOST_INCLUDES = 20
# Fields of a request that the response object repeats, in its order.
_ECHOED = (
    "model", "instructions", "metadata", "max_output_tokens", "max_tool_calls", "parallel_tool_calls",
    "previous_response_id", "reasoning", "background", "store", "temperature", "text", "tool_choice", "tools", "top_p",
    "top_logprobs", "truncation", "user",
)  # fmt: skip


class ReasoningBody(Body):
    """How much the model thinks."""

    effort = serializers.ChoiceField(["none", "minimal", "low", "medium", "high", "xhigh", "max"], required=False)
    summary = serializers.ChoiceField(["auto", "concise", "detailed"], required=False)
    generate_summary = serializers.ChoiceField(["auto", "concise", "detailed"], required=False)


class FormatBody(Body):
    """The form of the answer's text."""

    type = serializers.ChoiceField(["text", "json_object", "json_schema"])
    name = Text(required=False, min_length=1, max_length=64)
    description = Text(required=False)
    schema = JsonSchema(required=False)
    strict = serializers.BooleanField(required=False)


class AnswerTextBody(Body):
    """How the answer's text is written."""

    format = FormatBody(required=False)
    verbosity = serializers.ChoiceField(["low", "medium", "high"], required=False)


class ResponseBody(Body):
    """The body of `POST /responses`; `input`, `tools` and `tool_choice` are read beside it."""

    model = Text(min_length=1, max_length=255)
    instructions = Text(required=False)
    previous_response_id = Text(required=False)
    max_output_tokens = serializers.IntegerField(required=False, min_value=1)
    max_tokens = serializers.IntegerField(required=False, min_value=1)
    max_tool_calls = serializers.IntegerField(required=False, min_value=1)
    text = AnswerTextBody(required=False)
    reasoning = ReasoningBody(required=False)
    temperature = Number(required=False, min_value=0, max_value=2)
    top_p = Number(required=False, min_value=0, max_value=1)
    top_logprobs = serializers.IntegerField(required=False, min_value=0, max_value=20)
    parallel_tool_calls = serializers.BooleanField(default=True)
    truncation = serializers.ChoiceField(["auto", "disabled"], default="disabled")
    metadata = JsonObject(required=False)
    user = Text(required=False)
    include = ListOf(child=Text(max_length=64), required=False, max_length=_MOST_INCLUDES)
    store = serializers.BooleanField(default=True)
    stream = serializers.BooleanField(default=False)
    background = serializers.BooleanField(default=False)


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What is asked. `echo` holds the fields the response object repeats, in its own words."""

    echo: Mapping[str, Json]
    items: list[Item]
    tools: Tools
    previous_id: UUID | None = None
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

    def settings(self) -> dict[str, Json]:
        """What the model is to be called with, in the words of chat completions. Nulls are not given."""
        settings: dict[str, Json] = {name: self.echo.get(name) for name in _SAMPLING}
        settings["max_tokens"] = self.echo["max_output_tokens"]
        settings["reasoning_effort"] = (self.echo["reasoning"] or {}).get("effort")
        settings["response_format"] = self.response_format()
        if settings["top_logprobs"]:
            settings["logprobs"] = True
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
        NotFound: the previous response's id cannot be one.
    """
    values = ResponseBody.read(body)
    if body.get("input") is None:
        raise invalid(("input",), "missing")
    if values["background"] and not values["store"]:
        raise BadRequest("background needs store: the answer is fetched later")
    if isinstance(body.get("conversation"), str | Mapping):
        raise BadRequest("conversation is not supported", fix="Continue with previous_response_id")
    tools = body.get("tools") or []
    return ResponseRequest(
        echo=_echo(values, tools, body.get("tool_choice")),
        items=read_input(body["input"], response_id),
        tools=read_tools(tools, body.get("tool_choice")),
        previous_id=_previous_id(values.get("previous_response_id")),
        include=tuple(values.get("include") or ()),
        store=values["store"],
        stream=values["stream"],
        background=values["background"],
    )


def reopen_request(
    echo: Mapping[str, Json], items: list[Item], previous_id: UUID | None, include: tuple[str, ...]
) -> ResponseRequest:
    """The request of a response that was stored to be answered in the background."""
    tools = read_tools(list(echo["tools"]), echo["tool_choice"])
    return ResponseRequest(
        echo=echo, items=items, tools=tools, previous_id=previous_id, include=include, background=True
    )


def _echo(values: Mapping[str, Json], tools: Json, tool_choice: Json) -> dict[str, Json]:
    reasoning = values.get("reasoning")
    reworded = {
        "metadata": values.get("metadata") or {},
        "max_output_tokens": values.get("max_output_tokens") or values.get("max_tokens"),
        "reasoning": None if reasoning is None else {"effort": None, "summary": None, **reasoning},
        "text": _text(values.get("text") or {}),
        "tool_choice": tool_choice or "auto",
        "tools": tools,
    }
    return {name: reworded[name] if name in reworded else values.get(name) for name in _ECHOED}


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
        raise NotFound(UNKNOWN_PREVIOUS)
    return found
