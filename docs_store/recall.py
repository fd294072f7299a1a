"""Docs for a conversation: what its last messages are about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from agents.llm import gateway
from agents.models import Developer
from docs_store import selectors
from docs_store.recall_options import Mode, search_fields
from docs_store.search import Owner, SearchQuery, found_to_wire, parse_search, search
from docs_store.vectors import unit_vector
from julep_project.core.database import run_query


async def recall(
    developer: Developer,
    owners: Sequence[Owner],
    *,
    text: str,
    options: Mapping[str, Any],
    custom_key: str | None = None,
) -> list[dict[str, Any]]:
    """Doc references of the owners for a text, as the search answers them.

    `options` are recall options with their defaults filled in. The embedding model is asked once at most: not in text
    mode, and not when there is nothing to search in.

    Raises:
        DomainError: the embedding model did not answer, or refused.
    """
    text = text[: options["max_query_length"]].strip()
    if not text or not await run_query(lambda: selectors.has_docs(developer, list(owners))):
        return []
    query = parse_search({"text": text, **search_fields(options)}, any_word=True)
    if options["mode"] != Mode.TEXT:
        [numbers] = await gateway.aembed(developer, [text], custom_key=custom_key)
        direction = unit_vector(numbers)
        if direction is None and options["mode"] == Mode.VECTOR:
            return []
        query = replace(query, vector=direction, text=text if options["mode"] == Mode.HYBRID else None)
    return await run_query(_found(developer, owners, query))


def _found(developer: Developer, owners: Sequence[Owner], query: SearchQuery) -> Callable[[], list[dict[str, Any]]]:
    to_wire = partial(found_to_wire, include_embeddings=query.include_embeddings)
    return lambda: [to_wire(found) for found in search(developer, owners, query)]
