"""Reads of vector stores and of the files in them, limited to one developer."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import Case, CharField, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, TextChoices, Value, When
from django.db.models.functions import Coalesce

from agents.models import Developer
from docs_store.models import (
    Chunk,
    DocEmbedding,
    EmbeddingState,
    FileBatch,
    VectorStore,
    VectorStoreFile,
)
from julep_project.core.clock import now
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.jobs.rows import OPEN, JobState
from julep_project.core.tenancy import get_or_not_found

Group = Literal["store", "batch"]


class FileStatus(TextChoices):
    """Where a file of a store stands, in the words of the API."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


# It can be searched once its vectors are there, too. A job that is gone had ended.
_STATUS = Case(
    When(job_state__in=OPEN, then=Value(FileStatus.IN_PROGRESS)),
    When(job_state=JobState.ABORTED, then=Value(FileStatus.CANCELLED)),
    When(Q(job_state=JobState.FAILED) | Q(vectors=EmbeddingState.FAILED), then=Value(FileStatus.FAILED)),
    When(vectors=EmbeddingState.PENDING, then=Value(FileStatus.IN_PROGRESS)),
    default=Value(FileStatus.COMPLETED),
    output_field=CharField(),
)


@dataclass(slots=True)
class Counts:
    """How many files stand where, and the bytes of their texts."""

    of_status: Counter[str] = field(default_factory=Counter)
    text_bytes: int = 0


def list_stores(developer: Developer) -> "QuerySet[VectorStore]":
    """Every vector store."""
    stores: QuerySet[VectorStore] = VectorStore.objects.for_developer(developer)
    return stores


def get_store(developer: Developer, store_id: UUID | None) -> VectorStore:
    """One vector store.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    store: VectorStore = _known(list_stores(developer), store_id, "Vector store")
    return store


def get_batch(developer: Developer, store_id: UUID | None, batch_id: UUID | None) -> FileBatch:
    """One batch of files of a store.

    Raises:
        NotFound
    """
    batches = FileBatch.objects.for_developer(developer).filter(store=get_store(developer, store_id))
    batch: FileBatch = _known(batches, batch_id, "Batch of files")
    return batch


def list_store_files(developer: Developer, **of: Any) -> "QuerySet[Any]":
    """Files in stores, each with where it stands: those `of` a store or a batch."""
    files: QuerySet[Any] = VectorStoreFile.objects.for_developer(developer).filter(**of)
    vectors = DocEmbedding.objects.filter(doc__store_file=OuterRef("pk"), model=settings.EMBEDDING_MODEL)
    found: QuerySet[Any] = files.annotate(
        job_state=F("jobs__state"),
        error_code=F("jobs__error_code"),
        reason=F("jobs__reason"),
        text_bytes=Coalesce(F("jobs__text_bytes"), 0),
        chunk_tokens=F("jobs__chunk_tokens"),
        overlap_tokens=F("jobs__overlap_tokens"),
        vectors=Subquery(vectors.values("state")[:1]),
    ).annotate(status=_STATUS)
    return found


def get_store_file(developer: Developer, store_id: UUID | None, file_id: UUID | None) -> Any:
    """One file of a store, with where it stands.

    Raises:
        NotFound
    """
    store = get_store(developer, store_id)
    found = None if file_id is None else list_store_files(developer, store=store, file=file_id).first()
    if found is None:
        raise NotFound("The vector store has no such file")
    return found


def count_files(developer: Developer, group: Group, ids: Collection[UUID]) -> Mapping[UUID, Counts]:
    """Where the files of these stores, or batches, stand."""
    found = {each: Counts() for each in ids}
    files = list_store_files(developer, **{f"{group}__in": list(ids)}).order_by()
    for row in files.values(group, "status").annotate(files=Count("pk"), size=Sum("text_bytes")):
        counts = found[row[group]]
        counts.of_status[row["status"]] = row["files"]
        counts.text_bytes += row["size"]
    return found


def texts_of(file: VectorStoreFile) -> list[str]:
    """What was read in a file of a store, chunk by chunk."""
    chunks = Chunk.objects.filter(doc__store_file=file, store=file.store_id)
    return list(chunks.order_by("index").values_list("content", flat=True))


def require_in_use(store: VectorStore) -> None:
    """Refuse what is asked of a store that nobody has used for too long.

    Raises:
        BadRequest
    """
    if is_expired(store):
        raise BadRequest("The vector store has expired")


def expires_at(store: VectorStore) -> datetime | None:
    """When it expires unless it is used before; None: never."""
    days = store.expires_after_days
    return None if days is None else store.last_active_at + timedelta(days=days)


def is_expired(store: VectorStore) -> bool:
    at = expires_at(store)
    return at is not None and at <= now()


def _known(rows: "QuerySet[Any]", row_id: UUID | None, noun: str) -> Any:
    if row_id is None:
        raise NotFound(f"{noun} not found")
    return get_or_not_found(rows, row_id, noun)
