"""Docs the last messages of a conversation are about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID

from agents.llm.request import text_of
from docs_store.recall import recall_each
from docs_store.recall_options import complete_recall_options
from julep_project.core.json_value import Json
from sessions.context.chat_request import ChatRequest
from sessions.context.conversation import AgentView, Conversation
from sessions.history.entries import to_message

Reference = dict[str, Json]
# Who says what a conversation is about.
_HEARD = frozenset({"user", "assistant"})
# Whole vectors would be in every chunk of a streamed answer: they are there only for those who ask.
_UNASKED = {"include_embeddings": False}


async def recall_docs(
    conversation: Conversation,
    request: ChatRequest,
    agents: Sequence[AgentView],
    *,
    usage_metadata: Mapping[str, Json] | None = None,
) -> dict[UUID, list[Reference]]:
    """References to docs for each of the agents, by its id: docs of all users and its own.

    None when the request wants none. The embedding model is asked once at most, with the server's key.

    Raises:
        DomainError: the embedding model did not answer, or refused.
    """
    if not request.recall:
        return {agent.id: [] for agent in agents}
    options = complete_recall_options({**_UNASKED, **(conversation.session.recall_options or {})})
    found = await recall_each(
        conversation.developer,
        [conversation.owners(agent) for agent in agents],
        text=recall_text(conversation, request.messages, options),
        options=options,
        usage_metadata=usage_metadata,
    )
    return {agent.id: docs for agent, docs in zip(agents, found, strict=True)}


def joined(recalled: Iterable[Iterable[Reference]]) -> list[Reference]:
    """The docs of several agents, each once."""
    return list({doc["id"]: doc for docs in recalled for doc in docs}.values())


def recall_text(conversation: Conversation, messages: Sequence[Mapping[str, Json]], options: Mapping[str, Json]) -> str:
    """The newest messages that say something, as many as the options want; of a text that is too long, the end."""
    newest = islice(_texts(conversation, messages), options["num_search_messages"])
    return "\n".join(reversed(list(newest)))[-options["max_query_length"] :].strip()


def _texts(conversation: Conversation, messages: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    """What was said, the newest first. Calls of tools and their results are not what a conversation is about."""
    for message in reversed(messages):
        if message["role"] in _HEARD and (text := text_of(message)):
            yield text
    for entry in reversed(conversation.entries):
        if entry.role in _HEARD and (text := text_of(to_message(entry))):
            yield text
