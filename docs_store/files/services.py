"""Reads and writes of files, limited to one developer."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from agents.models import DEFAULT_PROJECT, Developer
from agents.selectors import get_project_named
from docs_store.files import contents
from docs_store.models import File
from julep_project.core.errors import NotFound
from julep_project.core.ids import uuid7
from julep_project.core.storage import remove
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
    """Store a file. The content is written before the row, so that a row never lacks its content.

    Raises:
        NotFound: the project does not exist.
        BadRequest: the content is empty or not base64.
        BodyTooLarge: the content is larger than `MAX_FILE_BYTES`.
    """
    project = get_project_named(developer, values.get("project") or DEFAULT_PROJECT)
    file_id = uuid7()
    name = contents.storage_name(developer.pk, file_id)
    written = contents.write_base64(name, values["content"], max_bytes=settings.MAX_FILE_BYTES)
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
    try:
        with transaction.atomic():
            file.save(force_insert=True)
    except Exception:
        remove(name)
        raise
    return get_file(developer, file_id)


def delete_file(*, developer: Developer, file_id: UUID) -> None:
    """Remove a file, and its content once that is final.

    Raises:
        NotFound: there is no such file (any more).
    """
    with transaction.atomic():
        removed, _ = list_files(developer).filter(pk=file_id).delete()
        if not removed:
            raise NotFound("File not found")
        transaction.on_commit(partial(remove, contents.storage_name(developer.pk, file_id)))
