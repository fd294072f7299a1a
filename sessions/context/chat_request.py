"""What a client asks of a chat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from uuid import UUID

from rest_framework import serializers

from agents.llm.request import MOST_MESSAGES, MOST_TOOLS
from agents.llm.sampling import OPEN_MODEL_SAMPLING, SAMPLING
from agents.request_schemas import LogitBias, ResponseFormat, ToolChoice
from agents.tool_definitions import parse_tool
from agents.tool_types import ToolType
from agents.tools.decisions import AnsweringBody, Decision
from agents.tools.runners import current_depth
from agents.tools.signing_in import check_may_connect
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import LONGEST_NAME, Body, Example, JsonObject, ListOf, Number, Text, TextList
from julep_project.core.reading.validation import invalid
from sessions.context.messages import MessageBody
from sessions.models import OnBusy

Message = dict[str, Json]

# In all messages of a chat together: parts of contents, and calls.
_MOST_PARTS = 10_000
_MOST_APPROVALS = 1000


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request. What is None was not given: the session or the agent decides.

    `messages` are plain chat messages, contents a text or a list of parts. `tools` are complete tool bodies.
    `settings` are those for the provider. `approvals` are decisions about calls of the reply before.
    """

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Json], ...] = ()
    tool_choice: Json = None
    recall: bool = True
    recall_tools: bool = True
    save: bool = True
    auto_run_tools: bool | None = None
    stream: bool = False
    model: str | None = None
    agent: UUID | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    on_busy: str | None = None
    approvals: tuple[Decision, ...] = ()

    @classmethod
    def read(cls, body: Json) -> Self:
        """Check a body.

        Raises:
            InvalidInput
        """
        reader = DecidingBody if isinstance(body, Mapping) and body.get("approvals") is not None else ChatBody
        values = reader.read(_with_messages(body))
        sampling = SAMPLING | OPEN_MODEL_SAMPLING
        return cls(
            messages=tuple(dict(message) for message in values.pop("messages", ())),
            approvals=tuple(map(Decision.of, values.pop("approvals", ()))),
            tools=tuple(_tool(tool, index) for index, tool in enumerate(values.pop("tools", ()))),
            model=values.pop("model", None) or None,
            settings={name: values.pop(name) for name in sampling & values.keys()},
            **values,
        )


class Messages(ListOf):
    """The messages of a chat: with their parts and calls not more than is checked in a moment."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": f"The messages should have at most {_MOST_PARTS} parts and tool calls in all."
    }

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and sum(map(_parts, data)) > _MOST_PARTS:
            self.fail("value_error")
        return super().to_internal_value(data)


class ChatBody(Body):
    """The body of a chat."""

    example = Example(messages=[{"role": "user", "content": "When is high tide?"}], max_tokens=200)

    messages = Messages(child=MessageBody(), min_length=1, max_length=MOST_MESSAGES)
    tools = ListOf(required=False, child=JsonObject(), max_length=MOST_TOOLS)
    tool_choice = ToolChoice(required=False)
    recall = serializers.BooleanField(required=False)
    recall_tools = serializers.BooleanField(required=False)
    save = serializers.BooleanField(required=False)  # type: ignore[assignment]  # a key of the contract, not the method
    auto_run_tools = serializers.BooleanField(required=False)
    stream = serializers.BooleanField(required=False)
    model = Text(required=False, max_length=LONGEST_NAME)
    agent = serializers.UUIDField(required=False)
    metadata = JsonObject(required=False)
    on_busy = serializers.ChoiceField(required=False, choices=OnBusy.choices)
    response_format = ResponseFormat(required=False)
    stop = TextList(required=False, max_length=4)
    seed = serializers.IntegerField(required=False, min_value=-1, max_value=1000)
    max_tokens = serializers.IntegerField(required=False, min_value=1)
    max_completion_tokens = serializers.IntegerField(required=False, min_value=1)
    temperature = Number(required=False, min_value=0, max_value=5)
    top_p = Number(required=False, min_value=0, max_value=1)
    min_p = Number(required=False, min_value=0, max_value=1)
    top_k = serializers.IntegerField(required=False, min_value=0)
    frequency_penalty = Number(required=False, min_value=-2, max_value=2)
    presence_penalty = Number(required=False, min_value=-2, max_value=2)
    repetition_penalty = Number(required=False, min_value=0, max_value=2)
    length_penalty = Number(required=False, min_value=0, max_value=2)
    logit_bias = LogitBias(required=False)
    logprobs = serializers.BooleanField(required=False)
    top_logprobs = serializers.IntegerField(required=False, min_value=0, max_value=20)
    parallel_tool_calls = serializers.BooleanField(required=False)
    reasoning_effort = Text(required=False, min_length=1, max_length=64)
    approvals = ListOf(
        required=False,
        child=AnsweringBody(),
        min_length=1,
        max_length=_MOST_APPROVALS,
        help_text="decisions about the calls in `requires_action`; `messages` may be left out then",
    )


class DecidingBody(ChatBody):
    """The body of a chat that goes on with decisions about calls."""

    messages = Messages(required=False, child=MessageBody(), max_length=MOST_MESSAGES)


class SentChatBody(DecidingBody):
    """What may be sent as a chat, for its description: `messages`, `message` in their place, or `approvals`."""

    example = ChatBody.example

    message = Text(required=False, help_text="a text: another way to write one message of a user")


def _with_messages(body: Json) -> Json:
    """`message`, a text, is another way to write one message of a user."""
    if not isinstance(body, Mapping) or body.get("messages") is not None or body.get("message") is None:
        return body
    if not isinstance(body["message"], str):
        raise invalid(("message",), "string_type", received=body["message"])
    return {**body, "messages": [{"role": "user", "content": body["message"]}]}


def _parts(message: Json) -> int:
    lists = (message.get("content"), message.get("tool_calls")) if isinstance(message, Mapping) else ()
    return sum(len(given) for given in lists if isinstance(given, list))


def _tool(body: Mapping[str, Json], index: int) -> dict[str, Json]:
    """The whole tool. A function may carry its name inside, as the chat completions API has it."""
    function = body.get("function")
    if body.get("name") is None and isinstance(function, Mapping) and function.get("name") is not None:
        body = {**body, "name": function["name"]}
    definition = parse_tool(body, at=f"tools[{index}]")
    if definition.type in (ToolType.MCP, ToolType.TASK, ToolType.AGENT):
        told = "what it takes is found out when it is given to the agent, not in a chat"
        raise invalid(("tools", index, "type"), "value_error", received=definition.type, msg=told)
    whole = definition.to_wire()
    check_may_connect(whole, is_free=not current_depth())
    return whole
