"""Contents outside the database, in Django's file storage: what was saved stays, also when the power fails."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from julep_project.core.errors import ServiceUnavailable

# A content is written before the row that names it. After so long that row is there or never comes.
SURELY_COMMITTED = timedelta(days=1)
_PRUNED_AT_ONCE = 100
_PRUNING_S = 60.0

log = logging.getLogger(__name__)


def save_new(name: str, content: IO[bytes]) -> None:
    """Save a content under a name that nothing has yet; on a local disk it has reached the disk on return.

    The name is made from a fresh id, so after a failure all that lies there is the beginning of this content: it is
    removed.

    Raises:
        ServiceUnavailable: it cannot be stored (the disk is full, say), or the name is taken.
    """
    try:
        with writing():
            stored = default_storage.save(name, File(content))
            _reach_disk(stored)
    except ServiceUnavailable:
        with suppress(OSError):
            default_storage.delete(name)
        raise
    if stored != name:
        default_storage.delete(stored)
        raise ServiceUnavailable("The storage holds another content under this name")


@contextmanager
def writing() -> Iterator[None]:
    """Says that a content could not be stored when the disk takes no more.

    Raises:
        ServiceUnavailable
    """
    try:
        yield
    except OSError as error:
        log.exception("a content cannot be stored")
        raise ServiceUnavailable("The content cannot be stored now; try again later") from error


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


def prune(unneeded: "QuerySet[Any]", name_of: Callable[[Any], str]) -> int:
    """Remove contents that are known by rows of their own, and those rows; how many. Takes about a minute at most.

    A content that cannot be removed keeps its row until the next time.
    """
    until = time.monotonic() + _PRUNING_S
    removed = 0
    rows = list(unneeded.order_by("pk")[:_PRUNED_AT_ONCE])
    while rows:
        gone = [row.pk for row in rows if _is_removed(name_of(row))]
        unneeded.model._default_manager.filter(pk__in=gone).delete()
        removed += len(gone)
        if time.monotonic() > until:
            break
        rows = list(unneeded.filter(pk__gt=rows[-1].pk).order_by("pk")[:_PRUNED_AT_ONCE])
    return removed


def _is_removed(name: str) -> bool:
    try:
        remove(name)
    except OSError:
        log.exception("a content cannot be removed", extra={"content": name})
        return False
    return True


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
