"""Candidates of a search: for each doc the chunk that fits best."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

# How many more chunks are fetched when the first ones belong to too few docs.
_WIDER = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A doc, its best chunk, and how well it fits: a rank of words, or a distance."""

    doc_id: UUID
    chunk_id: int
    score: float


def best_per_doc(
    first: "Callable[[int], QuerySet[Any, Any]]", size: int, *, enough: int, rounds: int | None = None
) -> list[Candidate]:
    """The best chunk of each doc among the first `size` rows, best first.

    `first` gives so many rows of doc, chunk and score, best first; fewer only if there are no more. While there are
    not `enough` docs among them, more rows are fetched, at most `rounds` times in all.
    """
    while True:
        rows = list(first(size))
        best: dict[UUID, Candidate] = {}
        for doc_id, chunk_id, score in rows:
            if doc_id not in best:
                best[doc_id] = Candidate(doc_id, chunk_id, score)
        rounds = None if rounds is None else rounds - 1
        if len(best) >= enough or len(rows) < size or rounds == 0:
            return list(best.values())
        size *= _WIDER
