"""Docs for a conversation: what its last messages are about."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Q

from agents.llm import gateway
from agents.models import Developer
from docs_store import selectors
from docs_store.recall_options import Mode, search_fields
from docs_store.search import Owner, SearchQuery, found_to_wire, parse_search, search
from docs_store.search.embedded_text import query_text
from docs_store.vectors import unit_vector
from julep_project.core.database import Threads, run_query

Reference = dict[str, Any]


async def recall(
    developer: Developer, owners: Sequence[Owner], *, text: str, options: Mapping[str, Any], matching: Q | None = None
) -> list[Reference]:
    """Doc references of the owners for a text: `recall_each` for one list of owners."""
    [found] = await recall_each(developer, [owners], text=text, options=options, matching=matching)
    return found


async def recall_each(
    developer: Developer,
    searched: Sequence[Sequence[Owner]],
    *,
    text: str,
    options: Mapping[str, Any],
    usage_metadata: Mapping[str, Any] | None = None,
    matching: Q | None = None,
) -> list[list[Reference]]:
    """For each of several lists of owners, doc references for the same text, as the search answers them.

    `options` are recall options with their defaults filled in. The embedding model is asked once at most: not in text
    mode, and not when there is nothing to search in. `usage_metadata` goes into the row of that usage. Docs have to be
    `matching`, too, as `SearchQuery` has it.

    Raises:
        DomainError: the embedding model did not answer, or refused.
    """
    text = text[: options["max_query_length"]].strip()
    everybody = [owner for owners in searched for owner in owners]
    if not text or not await run_query(lambda: selectors.has_docs(developer, everybody)):
        return [[] for _ in searched]
    query = parse_search({"text": text, **search_fields(options)}, any_word=True)
    if matching is not None:
        query = replace(query, matching=query.matching & matching)
    if options["mode"] != Mode.TEXT:
        dimensions = await run_query(lambda: selectors.stored_dimensions(settings.EMBEDDING_MODEL))
        asked = [query_text(text)]
        [numbers] = await gateway.aembed(developer, asked, dimensions=dimensions, metadata=usage_metadata)
        direction = unit_vector(numbers)
        if direction is None and options["mode"] == Mode.VECTOR:
            return [[] for _ in searched]
        query = replace(query, vector=direction, text=text if options["mode"] == Mode.HYBRID else None)
    return await run_query(lambda: [_found(developer, owners, query) for owners in searched], Threads.SEARCH)


def _found(developer: Developer, owners: Sequence[Owner], query: SearchQuery) -> list[Reference]:
    found = search(developer, owners, query)
    return [found_to_wire(one, include_embeddings=query.include_embeddings) for one in found]
