"""Reads and writes of files, limited to one developer."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from agents.models import DEFAULT_PROJECT, Developer
from agents.selectors import get_project_named
from docs_store.files import contents
from docs_store.models import File, FileContent
from julep_project.core.errors import DomainError, NotFound, StorageUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.storage.storage import SURELY_COMMITTED, prune, remove
from julep_project.core.tenancy import get_or_not_found


def list_files(developer: Developer) -> "QuerySet[File]":
    """Every file, each with its project."""
    return File.objects.for_developer(developer).select_related("project")


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
    file_id = uuid7()
    content = FileContent.objects.create(file_id=file_id, developer_id=developer.pk)
    try:
        written = contents.write_base64(_name(content), values["content"], max_bytes=settings.MAX_FILE_BYTES)
    except DomainError:
        with suppress(StorageUnavailable):
            _forget(content)
        raise
    file = File(
        id=file_id,
        developer=developer,
        project=project,
        name=values["name"],
        description=values.get("description", ""),
        mime_type=values.get("mime_type"),
        size=written.size,
        sha256=written.sha256,
    )
    file.save(force_insert=True)
    return get_file(developer, file_id)


def delete_file(*, developer: Developer, file_id: UUID) -> None:
    """Remove a file, and its content once that is final; if that fails, `prune_contents` does it.

    Raises:
        NotFound: there is no such file (any more).
    """
    with transaction.atomic():
        removed, _ = list_files(developer).filter(pk=file_id).delete()
        if not removed:
            raise NotFound("File not found")
        content = FileContent(file_id=file_id, developer_id=developer.pk)
        transaction.on_commit(lambda: _forget(content), robust=True)


def prune_contents() -> int:
    """Remove contents that no file has: a write broke off, a removal failed, or the developer is gone.

    Returns how many; may be interrupted and run at any time.
    """
    file = File.objects.filter(pk=OuterRef("file_id"))
    old = FileContent.objects.filter(created_at__lt=Now() - SURELY_COMMITTED)
    return prune(old.filter(~Exists(file)), _name)


def _forget(content: FileContent) -> None:
    remove(_name(content))
    content.delete()


def _name(content: FileContent) -> str:
    return contents.storage_name(content.developer_id, content.file_id)
