"""Stored files that items refer to."""

import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.models import Developer
from docs_store.files import contents
from docs_store.files.services import list_files
from docs_store.models import File
from julep_project.core.database import give_connection_back
from julep_project.core.errors import BadRequest, NotFound

Json = Any

MOST_BYTES = 32 * 1024 * 1024
_ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FileContent:
    """A stored file as a model gets it."""

    name: str
    data_url: str


def load_files(developer: Developer, items: Iterable[Mapping[str, Json]]) -> dict[str, FileContent]:
    """The content of each file the messages name. Reads the database and the file storage.

    Raises:
        NotFound: there is no such file.
        BadRequest: together they are too large to be sent to a model.
        ServiceUnavailable: the storage does not answer.
    """
    rows = {file_id: _find(developer, file_id) for file_id in dict.fromkeys(_file_ids(items))}
    if sum(row.size for row in rows.values()) > MOST_BYTES:
        raise BadRequest(f"The files are larger than {MOST_BYTES >> 20} MiB together")
    give_connection_back()
    return {file_id: _read(row) for file_id, row in rows.items()}


def _file_ids(items: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    for item in items:
        if item["type"] == "message":
            yield from (part["file_id"] for part in item["content"] if "file_id" in part)


def _find(developer: Developer, file_id: str) -> File:
    try:
        row = list_files(developer).filter(pk=UUID(file_id)).first()
    except ValueError:
        row = None
    if row is None:
        raise NotFound(f"File '{file_id[:80]}' not found")
    return row


def _read(file: File) -> FileContent:
    mime_type = file.mime_type or mimetypes.guess_type(file.name)[0] or _ANY_TYPE
    content = contents.read_base64(contents.storage_name(file.developer_id, file.pk))
    return FileContent(file.name, f"data:{mime_type};base64,{content}")
