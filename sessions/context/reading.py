"""Where the content comes from that the agents of a chat read."""

from collections.abc import Iterable, Mapping

from agents.policy.influence import current_sources
from agents.policy.sources import (
    ANYWHERE,
    NOWHERE,
    OF_ANY_TOOL,
    OF_DOCS,
    OF_USER,
    Sources,
    sources_of_tool,
    together,
)
from agents.tools.presentation import shown_name
from julep_project.core.json_value import Json
from sessions.models import Session

Message = Mapping[str, Json]
# What each role says is of; authors of programs write the others.
_OF_ROLES = {"user": OF_USER, "assistant": OF_ANY_TOOL, "tool": OF_ANY_TOOL, "function": OF_ANY_TOOL}


def sources_of_session(session: Session) -> Sources:
    """Of what was said in it before."""
    if session.sources is None:
        return ANYWHERE if session.entry_count else NOWHERE
    return frozenset(session.sources)


def sources_of_prompt(docs: Iterable[Message], messages: Iterable[Message], tools: Iterable[Message]) -> Sources:
    """Of the docs that are recalled, the messages of the request, and whatever the chat itself depends on."""
    by_name = {shown_name(tool): tool for tool in tools}
    said = together(_of_message(message, by_name) for message in messages)
    return said | (OF_DOCS if any(True for _ in docs) else NOWHERE) | current_sources()


def sources_of_messages(messages: Iterable[Message]) -> Sources:
    """Of messages that are stored as they were sent."""
    return sources_of_prompt((), messages, ())


def _of_message(message: Message, tools: Mapping[str, Message]) -> Sources:
    """What a client says that an assistant said may be of anything that one has read."""
    if message["role"] == "tool" and message.get("name") in tools:
        return sources_of_tool(tools[message["name"]])
    return _OF_ROLES.get(message["role"], NOWHERE)
