"""What a model is told of earlier messages."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.llm.provider_names import speaker_name
from agents.llm.tokens import count_each
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from sessions.context.calls import call_groups
from sessions.context.composition import Section
from sessions.history.entries import to_message, tokenizer_of
from sessions.models import Entry, EntrySource

Message = Mapping[str, Json]

_LONGEST_ID_SHOWN = 80


@dataclass(frozen=True, slots=True)
class CountedMessage:
    """A message with the tokens it has at most. One that `stays` is never left out to make room."""

    message: Message
    tokens: int
    stays: bool = False
    section: Section = Section.NEW


def count_stored(entries: Iterable[Entry], model: str) -> list[CountedMessage]:
    """Stored messages; their tokens are counted again only where they were counted for another model."""
    return [_count_entry(entry, model) for entry in entries]


def _count_entry(entry: Entry, model: str) -> CountedMessage:
    section = Section.SUMMARY if entry.source == EntrySource.SUMMARIZER else Section.HISTORY
    if entry.tokenizer == tokenizer_of(model):
        return CountedMessage(to_message(entry), entry.token_count, section=section)
    return count_new([to_message(entry)], model, section)[0]


def count_new(messages: Sequence[Message], model: str, section: Section = Section.NEW) -> list[CountedMessage]:
    """Messages that are not stored yet."""
    counts = count_each(model, messages)
    return [CountedMessage(message, tokens, section=section) for message, tokens in zip(messages, counts, strict=True)]


def with_calls(
    before: Sequence[CountedMessage], new: Sequence[CountedMessage], *, with_earlier: bool
) -> list[CountedMessage]:
    """The history and the new messages, every call right before its result.

    Providers refuse a conversation with a call whose result does not follow at once. So a result stands behind its
    call, whatever was said in between; of several for one call the latest counts. Calls without a result are left out,
    those of the history also when only the history answers them, unless `with_earlier`. A message that only called
    tools goes with its calls.

    Raises:
        BadRequest: a new message is the result of a call that nobody made.
    """
    counted = [*before, *new]
    messages = [item.message for item in counted]
    shown: list[CountedMessage] = []
    for first, *found in call_groups(messages):
        if messages[first]["role"] == "tool":
            if first >= len(before):
                raise BadRequest(f"No message of the conversation calls a tool as {_id_shown(messages[first])}")
            continue
        results = {
            messages[index]["tool_call_id"]: counted[index] for index in found if with_earlier or index >= len(before)
        }
        message = _with_calls(messages[first], results)
        if message is not None:
            shown += [replace(counted[first], message=message), *results.values()]
    return shown


def _with_calls(message: Message, kept: Collection[str]) -> dict[str, Json] | None:
    """The message with the calls that are kept; None when an assistant says nothing else."""
    calls = [call for call in message.get("tool_calls") or () if call["id"] in kept]
    if message["role"] == "assistant" and not calls and not message.get("content"):
        return None
    shown = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**shown, "tool_calls": calls} if calls else shown


def _id_shown(result: Message) -> str:
    call_id = str(result.get("tool_call_id"))
    return repr(call_id if len(call_id) <= _LONGEST_ID_SHOWN else f"{call_id[:_LONGEST_ID_SHOWN]}...")


def for_agent(name: str | None, message: Message) -> dict[str, Json]:
    """The message as it is sent to a model that speaks under this name, the only agent's being None.

    What other agents said is not its own speech: a model would take it for that, and some continue the last
    assistant's message instead of answering it. Names get a form that every provider takes.
    """
    sent = dict(message)
    speaker = sent.pop("name", None)
    if speaker:
        sent["name"] = speaker_name(speaker)
    is_others = name is not None and speaker not in (None, name) and not message.get("tool_calls")
    return {**sent, "role": "user"} if is_others and message["role"] == "assistant" else sent
