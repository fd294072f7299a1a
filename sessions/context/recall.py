"""Docs the last messages of a conversation are about."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.llm.request import text_of
from docs_store.recall import recall
from docs_store.recall_options import complete_recall_options
from sessions.chat_request import ChatRequest
from sessions.conversation import AgentView, Conversation
from sessions.entries import to_message

Json = Any
# Who says what a conversation is about.
_HEARD = frozenset({"user", "assistant"})
# Whole vectors would be in every chunk of a streamed answer: they are there only for those who ask.
_UNASKED = {"include_embeddings": False}


async def recall_docs(
    conversation: Conversation, request: ChatRequest, agent: AgentView, *, custom_key: str | None = None
) -> list[dict[str, Json]]:
    """References to docs of all users and of the agent; none when the request wants none.

    Raises:
        DomainError: the embedding model did not answer, or refused.
    """
    if not request.recall:
        return []
    options = complete_recall_options({**_UNASKED, **(conversation.session.recall_options or {})})
    return await recall(
        conversation.developer,
        conversation.owners(agent),
        text=recall_text(conversation, request.messages, options),
        options=options,
        custom_key=custom_key,
    )


def recall_text(conversation: Conversation, messages: Sequence[Mapping[str, Json]], options: Mapping[str, Json]) -> str:
    """The newest messages, as many as the options say; of a text that is too long, the end."""
    wanted: int = options["num_search_messages"]
    newest = list(messages)[-wanted:]
    if len(newest) < wanted:
        earlier = conversation.entries[len(newest) - wanted :]
        newest = [*(to_message(entry) for entry in earlier), *newest]
    texts = [text_of(message) for message in newest if message["role"] in _HEARD]
    return "\n".join(filter(None, texts))[-options["max_query_length"] :].strip()
