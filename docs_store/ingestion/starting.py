"""Begins docs whose content is to be read in a file."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import DatabaseError, transaction

from agents.audit.recording import record
from agents.audit.verbs import Verb
from agents.models import Developer
from docs_store import selectors
from docs_store.files import services as files
from docs_store.ingestion.jobs import INGESTIONS, NAME
from docs_store.models import LONGEST_TITLE, Doc, File, Ingestion, VectorStoreFile
from docs_store.owners import Owner, act_on_doc
from julep_project.core.errors import Conflict
from julep_project.core.ids import uuid7

_LONGEST_SUFFIX = 10
_LONGEST_TYPE = 120


@dataclass(frozen=True, slots=True)
class Chunking:
    """How long chunks are, in tokens, and how much of each the next one repeats."""

    tokens: int
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class _Content:
    """What is to be read, and what is known of it. Its name says what kind of file it is, and may be the title."""

    id: UUID
    size: int
    sha256: str
    name: str
    mime_type: str
    is_upload: bool

    @classmethod
    def of(cls, file: File) -> "_Content":
        return cls(file.pk, file.size, file.sha256, file.name, file.mime_type or "", is_upload=False)


def ingest_upload(
    *,
    developer: Developer,
    owner: Owner,
    pieces: Iterable[bytes],
    name: str,
    mime_type: str | None,
    values: Mapping[str, Any],
) -> tuple[Doc, UUID]:
    """A doc without content yet, and the job that reads what is uploaded into it. It is kept until the job has ended.

    Raises:
        Conflict: there is no such owner.
        IntegrityError: the owner has a doc of this title and file.
        BadRequest, BodyTooLarge, StorageUnavailable: as `create_file`.
    """
    _require(owner, developer)
    content_id, written = files.store_upload(developer, pieces)
    content = _Content(content_id, written.size, written.sha256, name, mime_type or "", is_upload=True)
    try:
        return _begin(developer, owner, content, values)
    except DatabaseError:
        files.forget_upload(developer.pk, content_id)
        raise


def ingest_file(*, developer: Developer, owner: Owner, file_id: UUID, values: Mapping[str, Any]) -> tuple[Doc, UUID]:
    """The same with a stored file, which stays.

    Raises:
        Conflict: there is no such owner.
        NotFound: the developer has no such file.
        IntegrityError: the owner has a doc of this title and file.
    """
    _require(owner, developer)
    content = _Content.of(files.get_file(developer, file_id))
    return _begin(developer, owner, content, values)


def ingest_store_files(rows: Iterable[tuple[VectorStoreFile, Chunking | None]]) -> None:
    """The same with files that were put into a vector store, in the transaction that did so."""
    docs, begun = [], []
    for row, chunking in rows:
        content = _Content.of(row.file)
        doc = _new_doc(row.developer, Owner("store", row.store_id), content, {"metadata": row.attributes})
        job = _new_job(doc, content)
        doc.store_file = job.store_file = row
        if chunking is not None:
            job.chunk_tokens, job.overlap_tokens = chunking.tokens, chunking.overlap
        docs.append(doc)
        begun.append(job)
    Doc.objects.bulk_create(docs)
    INGESTIONS.start_all(begun)


def _require(owner: Owner, developer: Developer) -> None:
    if not owner.exists(developer):
        raise Conflict(f"The reference to the {owner.role} was not found during create")


@transaction.atomic
def _begin(developer: Developer, owner: Owner, content: _Content, values: Mapping[str, Any]) -> tuple[Doc, UUID]:
    doc = _new_doc(developer, owner, content, values)
    doc.save(force_insert=True)
    record(developer.pk, act_on_doc(Verb.CREATE, doc))
    job_id = INGESTIONS.start(_new_job(doc, content))
    return selectors.get_doc(developer, doc.pk, include_embeddings=True), job_id


def _new_doc(developer: Developer, owner: Owner, content: _Content, values: Mapping[str, Any]) -> Doc:
    title = values.get("title") or content.name.strip()[:LONGEST_TITLE] or "Untitled"
    return Doc(
        id=uuid7(),
        developer=developer,
        **owner.columns(),
        title=title,
        metadata=values.get("metadata") or {},
        embed_instruction=values.get("embed_instruction"),
        content_hash=hashlib.sha256(orjson.dumps([title, {"file": content.sha256}])).hexdigest(),
    )


def _new_job(doc: Doc, content: _Content) -> Ingestion:
    return Ingestion(
        developer=doc.developer,
        doc=doc,
        name=NAME,
        reason="the file is read",
        content_id=content.id,
        is_upload=content.is_upload,
        size=content.size,
        suffix=_suffix(content.name),
        mime_type=content.mime_type.partition(";")[0].strip().lower()[:_LONGEST_TYPE],
    )


def _suffix(name: str) -> str:
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    return suffix if len(suffix) <= _LONGEST_SUFFIX and suffix.isalnum() else ""
