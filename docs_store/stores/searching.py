"""Searches in vector stores: the docs that were read in their files, by words and by vectors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q

from agents.models import Developer
from docs_store.models import VectorStore, VectorStoreFile
from docs_store.owners import Owner
from docs_store.recall import Reference, recall
from docs_store.recall_options import Mode, complete_recall_options
from docs_store.stores.references import FILE, reference
from docs_store.stores.selectors import get_store, require_in_use
from docs_store.stores.services import note_use
from julep_project.core.database import run_query

LONGEST_QUERY = 4096


@dataclass(frozen=True, slots=True)
class StoreQuery:
    """What to look for: any of the `texts`, in files whose attributes are `matching`. `is_diverse`: of passages that
    resemble each other some are left out."""

    texts: Sequence[str]
    limit: int = 10
    matching: Q = field(default_factory=Q)
    least_score: float = 0.0
    is_diverse: bool = True


async def search_store(developer: Developer, store_id: UUID | None, query: StoreQuery) -> list[dict[str, Any]]:
    """The best passage of each file that fits, best first, in the words of the API.

    Raises:
        NotFound: there is no such store.
        BadRequest: it has expired.
        DomainError: the embedding model did not answer, or refused.
    """
    store = await run_query(partial(_used, developer, store_id))
    best: dict[str, Reference] = {}
    for text in query.texts:
        for found in await recall(
            developer, [Owner("store", store.pk)], text=text, options=_options(query), matching=query.matching
        ):
            known = best.get(found["id"])
            if known is None or score_of(found) > score_of(known):
                best[found["id"]] = found
    ranked = sorted(best.values(), key=score_of, reverse=True)[: query.limit]
    fitting = [found for found in ranked if score_of(found) >= query.least_score]
    files = await run_query(partial(files_of_docs, developer, [found["id"] for found in fitting]))
    return [_passage(found, files[found["id"]]) for found in fitting if found["id"] in files]


def score_of(found: Reference) -> float:
    """How well it fits, from 0 to 1."""
    return float(round(max(0.0, min(1.0, 1.0 - found["distance"])), 6))


def files_of_docs(developer: Developer, doc_ids: Collection[str]) -> Mapping[str, VectorStoreFile]:
    """The files of stores that these docs were read in."""
    rows = VectorStoreFile.objects.for_developer(developer).filter(docs__in=doc_ids).select_related("file")
    return {str(doc.pk): row for row in rows.prefetch_related("docs") for doc in row.docs.all()}


def use_store(store: VectorStore) -> VectorStore:
    """The store, whose use is written down.

    Raises:
        BadRequest: it has expired.
    """
    require_in_use(store)
    note_use(store)
    return store


def _used(developer: Developer, store_id: UUID | None) -> VectorStore:
    return use_store(get_store(developer, store_id))


def _options(query: StoreQuery) -> dict[str, Any]:
    options = {
        "mode": Mode.HYBRID,
        "limit": query.limit,
        "include_embeddings": False,
        "max_query_length": LONGEST_QUERY,
        "confidence": 0.0,
        **({} if query.is_diverse else {"mmr_strength": 0.0}),
    }
    return complete_recall_options(options)


def _passage(found: Reference, file: VectorStoreFile) -> dict[str, Any]:
    return {
        "file_id": reference(FILE, file.file_id),
        "filename": file.file.name,
        "score": score_of(found),
        "attributes": file.attributes,
        "content": [{"type": "text", "text": found["snippet"]["content"]}],
    }
