"""Reads and writes of files, limited to one developer.

What a file belongs to goes with it in the database: to vector stores, and what is read in it for them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import DEFAULT_PROJECT, Developer, Project
from agents.retention.belongings import remove_belongings
from agents.selectors import get_project_named
from docs_store.files import contents
from docs_store.models import Doc, File, FileContent, Ingestion, VectorStoreFile
from julep_project.core.clock import DatabaseNow
from julep_project.core.database import commit_apart
from julep_project.core.errors import DomainError, StorageUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.jobs.rows import OPEN
from julep_project.core.storage.storage import SURELY_COMMITTED, prune, read_stored, remove
from julep_project.core.tenancy import get_or_not_found

_IS_THERE = Q(expires_at=None) | Q(expires_at__gt=Now())


def list_files(developer: Developer) -> "QuerySet[File]":
    """Every file that has not expired, each with its project."""
    files: QuerySet[File] = File.objects.for_developer(developer).filter(_IS_THERE)
    return files.select_related("project")


def get_file(developer: Developer, file_id: UUID) -> File:
    """One file with its project.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    return get_or_not_found(list_files(developer), file_id, "File")


def create_file(*, developer: Developer, values: Mapping[str, Any]) -> File:
    """Store a file. The content is written before the row, so that a row never lacks its content; that it will be
    there is known before, so that one without a row is found.

    Raises:
        NotFound: the project does not exist.
        BadRequest: the content is empty or not base64.
        BodyTooLarge: the content is larger than `MAX_FILE_BYTES`.
        StorageUnavailable: the storage does not take it.
    """
    project = get_project_named(developer, values.get("project") or DEFAULT_PROJECT)
    stored = _stored(developer, partial(contents.write_base64, text=values["content"]))
    described = {name: values[name] for name in ("name", "description", "mime_type") if name in values}
    return _create(developer, project, stored, described)


def create_uploaded_file(*, developer: Developer, pieces: Iterable[bytes], values: Mapping[str, Any]) -> File:
    """The same with a content that comes in pieces: `name`, `mime_type`, `purpose`, and `lives_s` of what expires.

    Raises:
        BadRequest, BodyTooLarge, StorageUnavailable: as `create_file`.
    """
    project = get_project_named(developer, DEFAULT_PROJECT)
    stored = _stored(developer, partial(contents.write_pieces, pieces=pieces))
    described = {name: values[name] for name in ("name", "mime_type", "purpose")}
    lives_s = values.get("lives_s")
    if lives_s is not None:
        described["expires_at"] = DatabaseNow() + timedelta(seconds=lives_s)
    return _create(developer, project, stored, described)


def _create(
    developer: Developer, project: Project, stored: tuple[UUID, contents.Written], described: Mapping[str, Any]
) -> File:
    file_id, written = stored
    known = {"size": written.size, "sha256": written.sha256, **described}
    file = File(id=file_id, developer=developer, project=project, **known)
    with transaction.atomic():
        file.save(force_insert=True)
        record(developer.pk, _act(Verb.CREATE, file))
    return get_file(developer, file_id)


def store_upload(developer: Developer, pieces: Iterable[bytes]) -> tuple[UUID, contents.Written]:
    """Store a content without a file, for a job that reads it; by which name it is known, and what it is.

    Raises:
        BadRequest, BodyTooLarge, StorageUnavailable: as `create_file`.
    """
    return _stored(developer, partial(contents.write_pieces, pieces=pieces))


def forget_upload(developer_id: UUID, content_id: UUID) -> None:
    """Remove such a content; if that fails, `prune_contents` does it."""
    with suppress(StorageUnavailable):
        _forget(FileContent(file_id=content_id, developer_id=developer_id))


def read_content(developer_id: UUID, content_id: UUID, size: int) -> bytes:
    """A content of this size.

    Raises:
        StorageUnavailable, ContentMissing
    """
    return read_stored(contents.storage_name(developer_id, content_id), size=size)


def delete_file(*, developer: Developer, file_id: UUID) -> None:
    """Remove a file, and its content once that is final; if that fails, `prune_contents` does it.

    Raises:
        NotFound: there is no such file (any more).
        ServiceUnavailable: so much was read in it that it takes more requests than this.
    """
    if list_files(developer).filter(pk=file_id).exists():
        remove_belongings(ObjectKind.FILE, file_id)
    with transaction.atomic():
        file = get_or_not_found(list_files(developer).select_for_update(of=("self",)), file_id, "File")
        record(developer.pk, _act(Verb.DELETE, file))
        hold_in_stores(VectorStoreFile.objects.filter(file=file).values("pk"))
        file.delete()
        content = FileContent(file_id=file_id, developer_id=developer.pk)
        transaction.on_commit(lambda: _forget(content), robust=True)


def hold_in_stores(ids: Any) -> list[Doc]:
    """Hold files of stores, then the docs they are read in, in the order in which all do that; the docs.

    Whoever reads one holds its doc, and looks when that is committed whether the file is there: that goes on meanwhile.
    """
    rows = VectorStoreFile.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk"))
    docs = Doc.objects.filter(store_file__in=ids).order_by("pk").select_for_update()
    return list(docs.only("pk", "store_file"))


def prune_contents() -> int:
    """Remove contents that no file and no open job has: a write broke off, a removal failed, the developer is gone.

    Returns how many; may be interrupted and run at any time.
    """
    return prune(_unneeded().filter(created_at__lt=Now() - SURELY_COMMITTED), _name)


def forget_contents(file_ids: Collection[UUID]) -> int:
    """Remove the contents of files whose rows are gone; how many. The others are left to `prune_contents`."""
    return prune(_unneeded().filter(file_id__in=file_ids), _name)


def _unneeded() -> "QuerySet[FileContent]":
    file = File.objects.filter(pk=OuterRef("file_id"))
    job = Ingestion.objects.filter(content_id=OuterRef("file_id"), state__in=OPEN)
    return FileContent.objects.filter(~Exists(file), ~Exists(job))


def _stored(developer: Developer, write: Callable[..., contents.Written]) -> tuple[UUID, contents.Written]:
    """Write a content that is known of before it is there."""
    record = partial(FileContent.objects.create, file_id=uuid7(), developer_id=developer.pk)
    content: FileContent = commit_apart(record)
    try:
        return content.file_id, write(_name(content), max_bytes=settings.MAX_FILE_BYTES)
    except DomainError:
        forget_upload(content.developer_id, content.file_id)
        raise


def _forget(content: FileContent) -> None:
    remove(_name(content))
    content.delete()


def _name(content: FileContent) -> str:
    return contents.storage_name(content.developer_id, content.file_id)


def _act(verb: Verb, file: File) -> Act:
    return Act(verb, ObjectKind.FILE, file.pk, file.name, after={"size": file.size, "sha256": file.sha256})
