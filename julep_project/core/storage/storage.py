"""Contents outside the database, in Django's file storage: what was saved stays, also when the power fails.

The only way to that storage. Whatever it raises leaves here as one of two errors: `StorageUnavailable`, and the same
call may succeed later; or `ContentMissing`, and it never will.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from julep_project.core.errors import ContentMissing, DomainError, StorageUnavailable

# A content is written before the row that names it. After so long that row is there or never comes.
SURELY_COMMITTED = timedelta(days=1)
_PRUNED_AT_ONCE = 100
_PRUNING_S = 60.0
_PIECE = 64 * 1024
_CANNOT_STORE = "The content cannot be stored now; try again later"
_CANNOT_READ = "A stored content cannot be read"
_NO_SUCH_KEY = frozenset({"NoSuchKey", "NoSuchVersion"})

log = logging.getLogger(__name__)


def save_new(name: str, content: IO[bytes]) -> None:
    """Save a content under a name that nothing has yet; on a local disk it has reached the disk on return.

    The name is made from a fresh id, so after a failure all that lies there is the beginning of this content: it is
    removed.

    Raises:
        StorageUnavailable: it cannot be stored (the disk is full, say), or the name is taken.
    """
    try:
        with writing():
            stored = default_storage.save(name, File(content))
            _reach_disk(stored)
    except StorageUnavailable:
        with suppress(StorageUnavailable):
            remove(name)
        raise
    if stored != name:
        with suppress(StorageUnavailable):
            remove(stored)
        raise StorageUnavailable("The storage holds another content under this name")


@contextmanager
def writing() -> Iterator[None]:
    """Says that a content could not be stored when the storage, or the disk it goes through, takes no more.

    Raises:
        StorageUnavailable
    """
    with _translated(_CANNOT_STORE):
        yield


def read_stored(name: str, *, size: int | None = None) -> bytes:
    """A stored content, whole. `size`: what it must have, where that is known.

    Raises:
        StorageUnavailable: the storage does not answer, or not with what was stored.
        ContentMissing: the storage does not have it (any more).
    """
    with _translated(_CANNOT_READ):
        content = _read(name)
    if size is not None and len(content) != size:
        log.error("a content is not as long as it was", extra={"content": name, "size": size, "read": len(content)})
        raise StorageUnavailable(f"{_CANNOT_READ}: it has {len(content)} bytes instead of {size}")
    return content


def stored_pieces(name: str) -> Iterator[bytes]:
    """A stored content, bit by bit.

    Raises:
        StorageUnavailable, ContentMissing: as `read_stored`, at the beginning or later.
    """
    with _translated(_CANNOT_READ), _opened(name) as content:
        while piece := content.read(_PIECE):
            yield piece


def remove(name: str) -> None:
    """Delete a content; that it is gone already is no error.

    Raises:
        StorageUnavailable
    """
    with _translated("A stored content cannot be removed"):
        default_storage.delete(name)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Errors of the storage as ours, whatever library they come from."""
    try:
        yield
    except DomainError:
        raise
    except Exception as error:
        log.warning("the file storage failed", exc_info=True, extra={"action": "storage_failed"})
        raise StorageUnavailable(what, reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    """What is wrong, for operators: no address, name or key is in it."""
    told = getattr(error, "response", None)
    if isinstance(told, dict):
        status = (told.get("ResponseMetadata") or {}).get("HTTPStatusCode")
        return f"{(told.get('Error') or {}).get('Code')} (status {status})"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _read(name: str) -> bytes:
    with _opened(name) as content:
        found: bytes = content.read()
    return found


def _opened(name: str) -> Any:
    """Of a bucket with one request, where Django's way takes three."""
    bucket: Any = getattr(default_storage, "bucket", None)
    if bucket is not None:
        return closing(_opened_object(bucket, name))
    try:
        return default_storage.open(name)
    except FileNotFoundError as error:
        if not _has_folder(name):
            raise  # nothing is mounted there, say
        raise ContentMissing(_CANNOT_READ) from error


def _opened_object(bucket: Any, name: str) -> Any:
    client = bucket.meta.client
    try:
        return bucket.Object(name).get()["Body"]
    except client.exceptions.ClientError as error:
        if error.response["Error"].get("Code") in _NO_SUCH_KEY:
            raise ContentMissing(_CANNOT_READ) from error
        raise


def _has_folder(name: str) -> bool:
    """Whether the folder of all contents of this kind is there."""
    return Path(default_storage.path(name.split("/", 1)[0])).is_dir()


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
    except StorageUnavailable:
        log.warning("a content cannot be removed; it will be tried again", extra={"content": name})
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
