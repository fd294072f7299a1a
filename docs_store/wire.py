"""Docs as the API shows them."""

from typing import Any

from django.conf import settings

from docs_store.models import Chunk, Doc, DocEmbedding, EmbeddingState
from docs_store.search.language import DEFAULT_CONFIGURATION
from docs_store.vectors import from_sent, to_plain
from julep_project.core.clock import to_wire


def doc_to_wire(doc: Doc, *, include_embeddings: bool) -> dict[str, Any]:
    """The doc object. Load the doc by `selectors`, with embeddings if they are to be included."""
    chunks = list(doc.chunks.all())
    state: DocEmbedding | None = next(iter(doc.embeddings.all()), None)
    is_ready = state is not None and state.state == EmbeddingState.READY
    dimensions = state.model.dimensions if state is not None else None
    return {
        "id": str(doc.pk),
        "created_at": to_wire(doc.created_at),
        "title": doc.title,
        "content": [chunk.content for chunk in chunks],
        **_places(chunks),
        "metadata": doc.metadata,
        "embeddings": _vectors(chunks) if include_embeddings and is_ready else None,
        "embedding_state": state.state if state is not None else EmbeddingState.PENDING.value,
        "embedding_model": settings.EMBEDDING_MODEL,
        "embedding_dimensions": dimensions or settings.EMBEDDING_DIMENSIONS,
        "modality": "text",
        "language": DEFAULT_CONFIGURATION,
    }


def _places(chunks: list[Chunk]) -> dict[str, Any]:
    """Where in its file each chunk stands, of a doc that was read in one."""
    places = [chunk.place for chunk in chunks]
    return {"content_metadata": places} if any(places) else {}


def _vectors(chunks: list[Chunk]) -> list[list[float]] | None:
    """A vector for each chunk; None while one is missing."""
    sent: list[Any] = [embedding for chunk in chunks for embedding in chunk.embeddings.all()]
    return [to_plain(from_sent(embedding.sent)) for embedding in sent] if len(sent) == len(chunks) else None
