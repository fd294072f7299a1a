"""Runs a search: find candidates, fuse two lists, pick a diverse few, load what is shown of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from agents.llm.own.hashing import HASHING
from agents.models import Developer
from docs_store.models import Chunk, Embedding
from docs_store.owners import Owner
from docs_store.search.candidates import Candidate
from docs_store.search.fusion import fused
from docs_store.search.mmr import pick_diverse
from docs_store.search.query import SearchQuery
from docs_store.search.rarity import likeness_by_rarity
from docs_store.search.text import find_text
from docs_store.search.vector import find_vector
from docs_store.vectors import Floats, SentVector, from_sent, to_plain

# Models that know words only, not meaning, add less to the words themselves: their vectors have this share of a weight.
_WORDS_ONLY = {HASHING: 0.2}
# Of each of two lists, so many are compared by what is rare among them.
_COMPARED = 250

# Candidates for each result, when some of them are to be left out for being alike.
_CANDIDATES_PER_RESULT = 3

Vectors = Mapping[int, Floats]
Candidates = Mapping[UUID, Candidate]


@dataclass(frozen=True, slots=True)
class Found:
    """A doc by its best chunk (`chunk.doc` is loaded). `distance` is a rank, of which more is better, for text."""

    chunk: Chunk
    distance: float
    vector: Floats | None = None


def search(developer: Developer, owners: Sequence[Owner], query: SearchQuery) -> list[Found]:
    """The docs of the owners that fit the query, best first, one entry for each doc.

    Owners that do not exist or are another developer's have none.

    Raises:
        InvalidInput: the vector has not as many numbers as those it is compared with.
    """
    if query.vector is None:
        return _load(developer, query, find_text(developer, owners, query, query.limit), {})
    pool = query.limit * (_CANDIDATES_PER_RESULT if query.mmr_strength else 1)
    if query.text is None:
        candidates = find_vector(developer, owners, query, pool)
    else:
        candidates = _hybrid(developer, owners, query)[:pool]
    if len(candidates) <= query.limit:
        return _load(developer, query, candidates, {})
    vectors = _vectors([candidate.chunk_id for candidate in candidates])
    return _load(developer, query, _diverse(query, query.vector, candidates, vectors), vectors)


def answer_search(developer: Developer, owners: Sequence[Owner], query: SearchQuery) -> dict[str, Any]:
    """The search answer: the docs as references, and the seconds it took.

    Raises:
        InvalidInput: as `search`.
    """
    began = time.perf_counter()
    found = search(developer, owners, query)
    docs = [found_to_wire(each, include_embeddings=query.include_embeddings) for each in found]
    return {"docs": docs, "time": time.perf_counter() - began}


def found_to_wire(found: Found, *, include_embeddings: bool) -> dict[str, Any]:
    doc = found.chunk.doc
    owner = Owner.of(doc)
    snippet: dict[str, Any] = {"index": found.chunk.index, "content": found.chunk.content}
    if found.chunk.place:
        snippet["metadata"] = found.chunk.place
    if include_embeddings:
        snippet["embedding"] = None if found.vector is None else to_plain(found.vector)
    return {
        "id": str(doc.pk),
        "owner": {"id": str(owner.id), "role": owner.role},
        "title": doc.title,
        "snippet": snippet,
        "distance": found.distance,
        "metadata": doc.metadata,
    }


def _hybrid(developer: Developer, owners: Sequence[Owner], query: SearchQuery) -> list[Candidate]:
    """Both lists as one; the score is 1 minus the fused score."""
    wanted = query.limit * max(1, query.k_multiplier)
    by_text = {found.doc_id: found for found in find_text(developer, owners, query, wanted)}
    by_vector = {found.doc_id: found for found in find_vector(developer, owners, query, wanted)}
    likeness = {doc_id: -found.score for doc_id, found in by_vector.items()}
    if settings.EMBEDDING_MODEL in _WORDS_ONLY and 0 < query.alpha < 1:
        likeness = _likeness_by_rarity(query.vector, by_text, by_vector)
    text = {doc_id: found.score for doc_id, found in by_text.items()}
    scores = fused(text, likeness, _vector_weight(query.alpha))
    first, second = (by_vector, by_text) if query.alpha >= 0.5 else (by_text, by_vector)
    return [
        Candidate(doc_id, (first.get(doc_id) or second[doc_id]).chunk_id, 1 - score) for doc_id, score in scores.items()
    ]


def _likeness_by_rarity(vector: Floats | None, by_text: Candidates, by_vector: Candidates) -> dict[UUID, float]:
    """How like the vector the docs of both lists are, by the words that are rare among them, for those with vectors."""
    assert vector is not None
    chunks = {
        doc_id: (by_vector.get(doc_id) or found).chunk_id
        for candidates in (by_text, by_vector)
        for doc_id, found in islice(candidates.items(), _COMPARED)
    }
    vectors = _vectors(list(chunks.values()))
    docs = [doc_id for doc_id, chunk_id in chunks.items() if chunk_id in vectors]
    if not docs:
        return {}
    likeness = likeness_by_rarity(vector, np.stack([vectors[chunks[doc_id]] for doc_id in docs]))
    return dict(zip(docs, map(float, likeness), strict=True))


def _vector_weight(alpha: float) -> float:
    """What the vectors of the model in use weigh beside the words; all or nothing stays what it is."""
    weight = alpha * _WORDS_ONLY.get(settings.EMBEDDING_MODEL, 1.0)
    return weight / (weight + (1 - alpha))


def _diverse(query: SearchQuery, vector: Floats, candidates: list[Candidate], vectors: Vectors) -> list[Candidate]:
    """As many of the candidates as wanted, those that differ from each other, in their order."""
    none = np.zeros_like(vector)
    matrix = np.stack([vectors.get(candidate.chunk_id, none) for candidate in candidates])
    relevance = 1 - np.array([candidate.score for candidate in candidates], dtype=np.float32)
    picked = pick_diverse(relevance, matrix, strength=query.mmr_strength, count=query.limit)
    return [candidates[position] for position in picked]


def _load(developer: Developer, query: SearchQuery, candidates: Sequence[Candidate], vectors: Vectors) -> list[Found]:
    """What is shown of the candidates that are still there; `vectors` may hold theirs already."""
    ids = [candidate.chunk_id for candidate in candidates]
    chunks = Chunk.objects.for_developer(developer).select_related("doc").defer("search").in_bulk(ids)
    shown = (vectors or _vectors(ids)) if query.include_embeddings else {}
    return [
        Found(chunks[candidate.chunk_id], candidate.score, shown.get(candidate.chunk_id))
        for candidate in candidates
        if candidate.chunk_id in chunks
    ]


def _vectors(chunk_ids: Sequence[int]) -> Vectors:
    rows = Embedding.objects.filter(chunk__in=chunk_ids, model=settings.EMBEDDING_MODEL)
    return {chunk_id: from_sent(sent) for chunk_id, sent in rows.values_list("chunk_id", SentVector())}
