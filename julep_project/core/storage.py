"""Contents outside the database, in Django's file storage: what was saved stays, also when the power fails."""

import os
from pathlib import Path
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage

from julep_project.core.errors import ServiceUnavailable


def save_new(name: str, content: IO[bytes]) -> None:
    """Save a content under a name that nothing has yet; on a local disk it has reached the disk on return.

    Raises:
        ServiceUnavailable: the name is taken.
    """
    stored = default_storage.save(name, File(content))
    if stored != name:
        default_storage.delete(stored)
        raise ServiceUnavailable("The storage holds another content under this name")
    _reach_disk(name)


def open_stored(name: str) -> IO[bytes]:
    """A stored content, for reading.

    Raises:
        ServiceUnavailable: the storage does not have it (any more) or does not answer.
    """
    try:
        return default_storage.open(name)
    except OSError as error:
        raise ServiceUnavailable("A stored content cannot be read") from error


def remove(name: str) -> None:
    """Delete a content; that it is gone already is no error."""
    default_storage.delete(name)


def _reach_disk(name: str) -> None:
    """Flush a local file and the folders that name it; other storages do so by themselves."""
    try:
        path, root = Path(default_storage.path(name)), Path(default_storage.path(""))
    except NotImplementedError:
        return
    for one in (path, *path.parents):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if one == root:
            return
