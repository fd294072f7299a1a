"""Reads of docs, always limited to one developer."""

from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from agents.models import Developer
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding, EmbeddingModel
from docs_store.owners import Owner, owned_by
from docs_store.vectors import SentVector
from julep_project.core.errors import NotFound
from julep_project.core.tenancy import get_or_not_found


def list_docs(developer: Developer, owner: Owner, *, include_embeddings: bool) -> "QuerySet[Doc]":
    """The owner's docs with what `doc_to_wire` reads.

    Raises:
        NotFound: there is no such owner, or it is another developer's.
    """
    require_owner(developer, owner)
    return with_content(Doc.objects.for_developer(developer).filter(owned_by([owner])), include_embeddings)


def get_doc(developer: Developer, doc_id: UUID, *, include_embeddings: bool) -> Doc:
    """One doc with what `doc_to_wire` reads.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    rows = with_content(Doc.objects.for_developer(developer), include_embeddings)
    return get_or_not_found(rows, doc_id, "Doc")


def require_owner(developer: Developer, owner: Owner) -> None:
    """Make sure that the developer has the agent or user.

    Raises:
        NotFound
    """
    if not owner.exists(developer):
        raise NotFound(f"{owner.role.capitalize()} not found")


def has_docs(developer: Developer, owners: list[Owner]) -> bool:
    """Whether any of the owners has a doc."""
    return bool(Doc.objects.for_developer(developer).filter(owned_by(owners)).exists())


def stored_dimensions(model: str) -> int | None:
    """How many numbers the vectors of a model have; None before the first."""
    return EmbeddingModel.objects.filter(name=model).values_list("dimensions", flat=True).first()


def with_content(docs: "QuerySet[Doc]", include_embeddings: bool) -> "QuerySet[Doc]":
    """The docs with their chunks and the state of their vectors; with the vectors too if wanted."""
    chunks = Chunk.objects.order_by("index").only("doc", "index", "content")
    if include_embeddings:
        vectors = Embedding.objects.filter(model=settings.EMBEDDING_MODEL).only("chunk").annotate(sent=SentVector())
        chunks = chunks.prefetch_related(Prefetch("embeddings", vectors))
    states = DocEmbedding.objects.filter(model=settings.EMBEDDING_MODEL).select_related("model")
    return docs.prefetch_related(Prefetch("chunks", chunks), Prefetch("embeddings", states))
