"""What a model is told of earlier messages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.llm.tokens import count_each
from sessions.context.calls import answered, call_groups, called
from sessions.entries import to_message, tokenizer_of
from sessions.models import Entry

Json = Any
Message = Mapping[str, Json]

# Providers refuse other names.
_NOT_IN_NAMES = re.compile(r"[\s<|\\/>]+")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Told:
    """A message with the tokens it has at most."""

    message: Message
    tokens: int


def told_before(entries: Iterable[Entry], model: str) -> list[Told]:
    """Stored messages; their tokens are counted again only where they were counted for another model."""
    return [
        Told(to_message(entry), entry.token_count)
        if entry.tokenizer == tokenizer_of(model)
        else told_now([to_message(entry)], model)[0]
        for entry in entries
    ]


def told_now(messages: Sequence[Message], model: str) -> list[Told]:
    """Messages that are not stored yet."""
    return [Told(message, tokens) for message, tokens in zip(messages, count_each(model, messages), strict=True)]


def with_calls(told: Sequence[Told], answers: Iterable[Message], *, with_earlier: bool) -> list[Told]:
    """The messages with those calls only that have a result: in `answers`, which follow, or also `with_earlier`.

    Providers refuse a conversation with a call that was never answered, or a result that belongs to none. A message
    that only called tools goes with its calls.
    """
    messages = [item.message for item in told]
    left: dict[int, Told] = {}
    answered_now = answered(answers)
    for first, *results in reversed(call_groups(messages)):
        made = set(called(messages[first]))
        kept = made & answered_now
        answered_now -= made
        if with_earlier:
            kept |= answered(messages[index] for index in results)
        shown = _with_calls(messages[first], kept)
        if shown is not None:
            left[first] = Told(shown, told[first].tokens)
            left.update({index: told[index] for index in results if messages[index]["tool_call_id"] in kept})
    return [left[index] for index in sorted(left)]


def _with_calls(message: Message, kept: set[str]) -> dict[str, Json] | None:
    """The message with the calls that are kept; None when it says nothing else, or is the result of no call."""
    if message["role"] == "tool":
        return None
    calls = [call for call in message.get("tool_calls") or () if call["id"] in kept]
    if message.get("tool_calls") and not calls and not message.get("content"):
        return None
    shown = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**shown, "tool_calls": calls} if calls else shown


def as_heard_by(name: str | None, message: Message) -> dict[str, Json]:
    """The message as it is sent to a model that speaks under this name, the only agent's being None.

    What other agents said is not its own speech: a model would take it for that, and some continue the last
    assistant's message instead of answering it. Names get a form that every provider takes.
    """
    heard = dict(message)
    speaker = heard.pop("name", None)
    if speaker:
        heard["name"] = _NOT_IN_NAMES.sub("_", speaker)[:_LONGEST_NAME]
    is_others = name is not None and speaker not in (None, name) and not message.get("tool_calls")
    return {**heard, "role": "user"} if is_others and message["role"] == "assistant" else heard
