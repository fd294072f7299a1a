"""Vector stores, their files and batches of them, as OpenAI's API shows them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from docs_store.extraction.errors import UNKNOWN_TYPE
from docs_store.extraction.limits import CHARACTERS_PER_TOKEN, CHUNK_CHARACTERS
from docs_store.models import EmbeddingState, FileBatch, VectorStore
from docs_store.stores.references import BATCH, FILE, STORE, reference
from docs_store.stores.selectors import Counts, FileStatus, expires_at, is_expired

Json = dict[str, Any]

_NO_VECTORS = "No vectors could be made of the file so far; it is found by its words"


def store_to_wire(store: VectorStore, counts: Counts) -> Json:
    """The vector store object."""
    at, days = expires_at(store), store.expires_after_days
    return {
        "id": reference(STORE, store.pk),
        "object": "vector_store",
        "created_at": seconds(store.created_at),
        "name": store.name,
        "usage_bytes": counts.text_bytes,
        "file_counts": _file_counts(counts),
        "status": _store_status(store, counts),
        "expires_after": None if days is None else {"anchor": "last_active_at", "days": days},
        "expires_at": None if at is None else seconds(at),
        "last_active_at": seconds(store.last_active_at),
        "metadata": store.metadata,
    }


def store_file_to_wire(file: Any) -> Json:
    """The object of a file in a store. Load it by `selectors`."""
    return {
        "id": reference(FILE, file.file_id),
        "object": "vector_store.file",
        "created_at": seconds(file.created_at),
        "vector_store_id": reference(STORE, file.store_id),
        "status": file.status,
        "last_error": _last_error(file),
        "usage_bytes": file.text_bytes,
        "attributes": file.attributes,
        "chunking_strategy": _chunking(file.chunk_tokens, file.overlap_tokens),
    }


def batch_to_wire(batch: FileBatch, counts: Counts) -> Json:
    """The object of a batch."""
    return {
        "id": reference(BATCH, batch.pk),
        "object": "vector_store.files_batch",
        "created_at": seconds(batch.created_at),
        "vector_store_id": reference(STORE, batch.store_id),
        "status": _batch_status(batch, counts),
        "file_counts": _file_counts(counts),
    }


def found_to_wire(queries: Sequence[str], found: Collection[Mapping[str, Any]]) -> Json:
    """The page of what a search found."""
    return {
        "object": "vector_store.search_results.page",
        "search_query": list(queries),
        "data": list(found),
        "has_more": False,
        "next_page": None,
    }


def texts_to_wire(texts: Sequence[str]) -> Json:
    """The page of what was read in a file."""
    return {
        "object": "vector_store.file_content.page",
        "data": [{"type": "text", "text": text} for text in texts],
        "has_more": False,
        "next_page": None,
    }


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return int(moment.timestamp())


def _file_counts(counts: Counts) -> Json:
    return {**{status.value: counts.of_status[status] for status in FileStatus}, "total": counts.of_status.total()}


def _store_status(store: VectorStore, counts: Counts) -> str:
    if is_expired(store):
        return "expired"
    return "in_progress" if counts.of_status[FileStatus.IN_PROGRESS] else "completed"


def _batch_status(batch: FileBatch, counts: Counts) -> str:
    of_status = counts.of_status
    if batch.cancelled_at is not None:
        return "cancelled"
    if of_status[FileStatus.IN_PROGRESS]:
        return "in_progress"
    return "failed" if of_status[FileStatus.FAILED] == of_status.total() > 0 else "completed"


def _last_error(file: Any) -> Json | None:
    if file.status != FileStatus.FAILED:
        return None
    if file.vectors == EmbeddingState.FAILED:
        return {"code": "server_error", "message": _NO_VECTORS}
    return {"code": "unsupported_file" if file.error_code == UNKNOWN_TYPE else "invalid_file", "message": file.reason}


def _chunking(tokens: int | None, overlap: int | None) -> Json:
    """What was asked for, or about what is done where nothing was."""
    static = {
        "max_chunk_size_tokens": tokens or CHUNK_CHARACTERS // CHARACTERS_PER_TOKEN,
        "chunk_overlap_tokens": overlap or 0,
    }
    return {"type": "static", "static": static}
