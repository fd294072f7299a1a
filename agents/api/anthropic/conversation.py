"""The messages of a request as the gateway takes them: every result directly behind the calls of its answer, with what
else the user says after it."""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.api.anthropic.blocks import (
    OF_USERS,
    TEXTS,
    Parts,
    blocks_of,
    cached,
    read_block,
    read_parts,
    read_result,
    read_text,
    simple_content,
)
from agents.api.anthropic.part import Part
from agents.llm.request import MOST_MESSAGES
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.validation import Path, invalid

Message = dict[str, Any]

_ROLES = ("user", "assistant", "system")
_SAID_BY_USERS = ("tool_result", *OF_USERS)
_SAID_BY_MODELS = ("text", "thinking", "redacted_thinking", "tool_use")
_LONGEST_ID = 256


def read_system(given: Json, loc: Path) -> list[Message]:
    """What the model is told before all else; nothing, if that is empty.

    Raises:
        InvalidInput, ParameterRefused
    """
    return [] if given in ("", []) else [_system(given, loc)]


def read_messages(given: Json, loc: Path) -> list[Message]:
    """The messages.

    Raises:
        InvalidInput: something is not of its form, or calls and results do not go together.
        ParameterRefused: something cannot be sent to a model.
    """
    if not isinstance(given, list):
        raise invalid(loc, "list_type", received=given)
    if not given:
        raise invalid(loc, "too_short", bound=1, received=given)
    if len(given) > MOST_MESSAGES:
        raise invalid(loc, "too_long", bound=MOST_MESSAGES, received=f"{len(given)} messages")
    reading = _Reading()
    for place, message in enumerate(given):
        reading.add(Part.at(message, (*loc, place)))
    reading.end((*loc, len(given) - 1))
    return reading.messages


class _Reading:
    """Collects the messages. `waiting` are the calls whose results have to come next."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._waiting: set[str] = set()
        self._known: set[str] = set()

    def add(self, message: Part) -> None:
        role = message.only("role", "content").choice("role", _ROLES)
        content, loc = message.fields.get("content"), (*message.loc, "content")
        if role != "user":
            self.end(loc)
        if role == "user":
            self._add_users(content, loc)
        elif role == "system":
            self.messages.append(_system(content, loc))
        else:
            self._add_answer(content, loc)

    def end(self, loc: Path) -> None:
        """Nothing that is said here can be a result."""
        if self._waiting:
            missing = ", ".join(sorted(self._waiting))
            raise invalid(loc, "value_error", msg=f"tool_use without a tool_result directly behind it: {missing}")

    def _add_users(self, content: Json, loc: Path) -> None:
        said: Parts = []
        for block in blocks_of(content, loc, _SAID_BY_USERS):
            if block.fields["type"] != "tool_result":
                said += read_block(block, OF_USERS)
            elif said:
                raise invalid(block.loc, "value_error", msg="A tool_result stands before all other blocks")
            else:
                self._add_result(block)
        self.end(loc)
        if said:
            self.messages.append({"role": "user", "content": simple_content(said)})

    def _add_result(self, block: Part) -> None:
        message = read_result(block)
        id_ = message["tool_call_id"]
        if id_ not in self._waiting:
            loc = (*block.loc, "tool_use_id")
            raise invalid(loc, "value_error", msg="There is no such tool_use in the message before", received=id_)
        self._waiting.remove(id_)
        self.messages.append(message)

    def _add_answer(self, content: Json, loc: Path) -> None:
        """What the model said before."""
        thoughts: list[Message] = []
        calls: list[Message] = []
        texts: Parts = []
        for block in blocks_of(content, loc, _SAID_BY_MODELS) if content not in ("", []) else ():
            match block.fields["type"]:
                case "text":
                    texts += read_text(block)
                case "tool_use":
                    calls.append(self._call(block))
                case "thinking":
                    thoughts += _thought(block)
                case _:
                    thoughts.append(_hidden_thought(block))
        if not (texts or calls or thoughts):
            return
        message: Message = {"role": "assistant", "content": simple_content(texts) if texts else None}
        if calls:
            message["tool_calls"] = calls
        if thoughts:
            message["thinking_blocks"] = thoughts
        self.messages.append(message)

    def _call(self, block: Part) -> Message:
        block.only("type", "id", "name", "input", "cache_control", "caller", "toolset_name")
        block.refuse("toolset_name", "toolsets run elsewhere")
        if block.has("caller"):
            block.part("caller").only("type").choice("type", ("direct",))
        id_ = block.text("id", min_length=1, max_length=_LONGEST_ID)
        if id_ in self._known:
            raise invalid((*block.loc, "id"), "value_error", msg="Each tool_use has an id of its own", received=id_)
        self._known.add(id_)
        self._waiting.add(id_)
        arguments = to_json_text(block.part("input").fields)
        function = {"name": block.text("name", min_length=1), "arguments": arguments}
        return cached({"id": id_, "type": "function", "function": function}, block)


def _system(content: Json, loc: Path) -> Message:
    return {"role": "system", "content": simple_content(read_parts(content, loc, TEXTS))}


def for_others(messages: Iterable[Message]) -> list[Message]:
    """The messages for a model that is not Claude, without what only Claude takes: marks of what is to be kept, and
    thoughts that Claude signed."""
    return [_for_others(message) for message in messages if not _is_thought_only(message)]


def _is_thought_only(message: Message) -> bool:
    return message["role"] == "assistant" and not message["content"] and "tool_calls" not in message


def _for_others(message: Message) -> Message:
    content, calls = message["content"], message.get("tool_calls")
    kept = {name: value for name, value in message.items() if name != "thinking_blocks"}
    if isinstance(content, list):
        kept["content"] = simple_content([unmarked(part) for part in content])
    return {**kept, "tool_calls": [unmarked(call) for call in calls]} if calls else kept


def unmarked(part: Message) -> Message:
    """A part of a message, a call or a tool without its mark."""
    return {name: value for name, value in part.items() if name != "cache_control"}


def _thought(block: Part) -> list[Message]:
    """What was thought; nothing, if nobody signed it: then no provider takes it back."""
    block.only("type", "thinking", "signature")
    thought, signature = block.text("thinking"), block.text("signature")
    return [{"type": "thinking", "thinking": thought, "signature": signature}] if signature else []


def _hidden_thought(block: Part) -> Message:
    return {"type": "redacted_thinking", "data": block.only("type", "data").text("data", min_length=1)}


def with_cache_mark(messages: list[Message], control: Mapping[str, Json]) -> list[Message]:
    """The messages, the last part of which is marked as one to be kept, unless it says something of that itself."""
    last = messages[-1]
    content = last["content"]
    parts: Parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
    if not parts:
        return messages
    return [*messages[:-1], {**last, "content": [*parts[:-1], {"cache_control": dict(control), **parts[-1]}]}]
