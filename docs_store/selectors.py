"""Reads of docs, always limited to one developer."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import (
    BigIntegerField,
    F,
    Func,
    Prefetch,
    QuerySet,
    Subquery,
    Sum,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce

from agents.models import Developer
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding, EmbeddingModel
from docs_store.owners import Owner, owned_by
from docs_store.vectors import SentVector
from julep_project.core.api.page_bytes import LARGEST_PAGE_BYTES
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.tenancy import get_or_not_found

# A number of a vector is about so long in an answer.
_NUMBER_BYTES = 12


def list_docs(developer: Developer, owner: Owner) -> "QuerySet[Doc]":
    """The owner's docs. Load a page of them `with_content`.

    Raises:
        NotFound: there is no such owner, or it is another developer's.
    """
    require_owner(developer, owner)
    docs: QuerySet[Doc] = Doc.objects.for_developer(developer).filter(owned_by([owner]))
    return docs


def with_content(page: Sequence[Doc], *, include_embeddings: bool) -> Sequence[Doc]:
    """The docs of a page with what `doc_to_wire` reads.

    Raises:
        BadRequest: they are too much for one answer; a doc alone never is without its vectors.
    """
    size = _shown_bytes(page, include_embeddings) if len(page) > 1 or include_embeddings else 0
    if size > LARGEST_PAGE_BYTES:
        raise BadRequest(_too_much(len(page), size, include_embeddings))
    prefetch_related_objects(page, *_content(include_embeddings))
    return page


def get_doc(developer: Developer, doc_id: UUID, *, include_embeddings: bool) -> Doc:
    """One doc with what `doc_to_wire` reads.

    Raises:
        NotFound: there is none, or it is another developer's.
        BadRequest: its vectors are too much for one answer.
    """
    doc: Doc = get_or_not_found(Doc.objects.for_developer(developer), doc_id, "Doc")
    with_content([doc], include_embeddings=include_embeddings)
    return doc


def require_owner(developer: Developer, owner: Owner) -> None:
    """Make sure that the developer has the agent or user.

    Raises:
        NotFound
    """
    if not owner.exists(developer):
        raise NotFound(f"{owner.role.capitalize()} not found")


def has_docs(developer: Developer, owners: list[Owner]) -> bool:
    return bool(Doc.objects.for_developer(developer).filter(owned_by(owners)).exists())


def stored_dimensions(model: str) -> int | None:
    """How many numbers the vectors of a model have; None before the first."""
    return EmbeddingModel.objects.filter(name=model).values_list("dimensions", flat=True).first()


def _content(include_embeddings: bool) -> "list[Prefetch[Any]]":
    """Chunks and the state of their vectors; the vectors too if wanted."""
    chunks = Chunk.objects.order_by("index").only("doc", "index", "content", "place")
    if include_embeddings:
        vectors = Embedding.objects.filter(model=settings.EMBEDDING_MODEL).only("chunk").annotate(sent=SentVector())
        chunks = chunks.prefetch_related(Prefetch("embeddings", vectors))
    states = DocEmbedding.objects.filter(model=settings.EMBEDDING_MODEL).select_related("model")
    return [Prefetch("chunks", chunks), Prefetch("embeddings", states)]


def _too_much(docs: int, size: int, include_embeddings: bool) -> str:
    without = "leave out the vectors with include_embeddings=false"
    if docs == 1:
        return f"The doc is about {size} bytes with its vectors; {without}"
    smaller = f" or {without}" if include_embeddings else ""
    return f"The docs of this page are about {size} bytes together; ask for fewer with limit{smaller}"


def _shown_bytes(page: Sequence[Doc], include_embeddings: bool) -> int:
    """Bytes of the docs' chunks, and about as many as their vectors take in an answer if they are shown."""
    size: Any = Func(F("content"), function="octet_length", output_field=BigIntegerField())
    if include_embeddings:
        known = EmbeddingModel.objects.filter(name=settings.EMBEDDING_MODEL).values("dimensions")
        size += Coalesce(Subquery(known), settings.EMBEDDING_DIMENSIONS) * _NUMBER_BYTES
    return int(Chunk.objects.filter(doc__in=page).aggregate(total=Sum(size))["total"] or 0)
