"""Contents in the file storage that belong to a developer: those of files, and large values of runs.

In an archive they have names of their own, of which every part is an id: `contents/files/ID` and
`contents/blobs/RUN/ID`, or `contents/blobs/RUN/FIRST_ID` where it was stored by another run. One that the storage does
not have any more is `missing/...` there, and empty.
"""

import io
import logging
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from docs_store.files.contents import storage_name
from docs_store.files.services import forget_contents
from docs_store.models import File, FileContent, Ingestion
from executions.blobs import forget_runs
from executions.models import Blob, Execution
from executions.states import TERMINAL_EXECUTION
from julep_project.archive.errors import ArchiveRefused, RowsTaken
from julep_project.archive.members import Member, Writer
from julep_project.core.errors import ContentMissing
from julep_project.core.jobs.rows import OPEN
from julep_project.core.storage.storage import remove, save_new, stored_pieces, writing

log = logging.getLogger(__name__)

THERE, MISSING = "contents", "missing"
_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FILE = re.compile(rf"files/({_ID})")
_BLOB = re.compile(rf"blobs/({_ID})/{_ID}")
# That of a run which is gone, and which another one refers to that was its retry.
_HANDED_ON = re.compile(rf"blobs/({_ID})/({_ID})_({_ID})")
_IN_MEMORY = 1024 * 1024
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content: where it lies, what it is called in an archive, and how many bytes it has, where that is known."""

    place: str
    name: str
    size: int | None


def list_contents(developer_id: UUID) -> Generator[StoredContent, None, None]:
    """Every content that a row which is moved refers to."""
    for file_id, size in _files(developer_id).iterator():
        yield StoredContent(storage_name(developer_id, file_id), f"files/{file_id}", size)
    for content_id, size in _read_now(developer_id).iterator():
        yield StoredContent(storage_name(developer_id, content_id), f"files/{content_id}", size)
    for name, size, run_id in _blobs(developer_id).iterator():
        yield StoredContent(name, _archived(name, run_id), size or None)


def count_contents(developer_id: UUID) -> int:
    return sum(rows.count() for rows in (_files(developer_id), _read_now(developer_id), _blobs(developer_id)))


def add_content(writer: Writer, content: StoredContent) -> bool:
    """Put it into the archive; whether it is there and whole.

    Raises:
        StorageUnavailable: the storage does not give it now.
    """
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        try:
            for piece in stored_pieces(content.place):
                with writing():
                    spool.write(piece)
        except ContentMissing:
            writer.add(f"{MISSING}/{content.name}", io.BytesIO(), 0)
            return False
        size = spool.tell()
        is_whole = content.size in (None, size)
        spool.seek(0)
        writer.add(f"{THERE}/{content.name}", spool, size)
    return is_whole


@contextmanager
def storing(developer_id: UUID) -> "Iterator[Storing]":
    """Stores contents for a developer; takes them back when the block fails, but for what a row refers to: then it was
    committed after all.

    Each is known by a committed row before it is stored, as always: should the process be lost, upkeep finds what it
    left.
    """
    # As many names as there are contents, so not in memory.
    with TemporaryFile("w+") as names:
        stored = Storing(developer_id, names)
        try:
            yield stored
        except BaseException:
            try:
                stored.forget()
            except Exception:
                log.warning("contents of an import that failed are left to upkeep", exc_info=True)
            raise


class Storing:
    """What was stored so far."""

    def __init__(self, developer_id: UUID, names: IO[str]) -> None:
        self._developer_id = developer_id
        self._names = names
        self.count = 0

    def store(self, member: Member) -> None:
        """Store one, or only its row when it is missing.

        Raises:
            ArchiveRefused, RowsTaken, StorageUnavailable
        """
        kind, _, name = member.name.partition("/")
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            digest = sha256()
            for piece in member.content.pieces():
                digest.update(piece)
                with writing():
                    spool.write(piece)
            spool.seek(0)
            place = self._known(name, {"size": member.size, "digest": digest.hexdigest()})
            self._names.write(f"{name}\n")
            if kind == THERE:
                save_new(place, spool)
        self.count += 1

    def forget(self) -> None:
        """Take back what no row refers to."""
        self._names.seek(0)
        while names := list(islice(self._names, _AT_ONCE)):
            forget_contents([UUID(found[1]) for name in names if (found := _FILE.match(name))])
            runs = {UUID(found[1]) for name in names if (found := _BLOB.match(name))}
            forget_runs(runs - set(Execution.objects.filter(pk__in=runs).values_list("pk", flat=True)))

    def _known(self, name: str, facts: dict[str, Any]) -> str:
        """Have a row for it; where it is to lie."""
        if found := _FILE.fullmatch(name):
            return self._known_file(UUID(found[1]))
        if found := _BLOB.fullmatch(name):
            return self._known_blob(name, UUID(found[1]), facts)
        if found := _HANDED_ON.fullmatch(name):
            self._check_free(UUID(found[2]))
            return self._known_blob(f"blobs/{found[2]}/{found[3]}", UUID(found[1]), facts)
        raise ArchiveRefused(f"The archive has a content of an unknown name: {name}")

    def _known_file(self, file_id: UUID) -> str:
        place = storage_name(self._developer_id, file_id)
        row, is_new = FileContent.objects.get_or_create(file_id=file_id, defaults={"developer_id": self._developer_id})
        if not is_new:
            in_use = File.objects.filter(pk=file_id).exists() or Ingestion.objects.filter(content_id=file_id).exists()
            if in_use or row.developer_id != self._developer_id:
                raise RowsTaken(f"The file {file_id} is there already")
            self._begin_again(FileContent.objects.filter(pk=file_id), place)
        return place

    def _known_blob(self, name: str, run_id: UUID, facts: dict[str, Any]) -> str:
        self._check_free(run_id)
        row, is_new = Blob.objects.get_or_create(name=name, defaults={"execution_id": run_id, **facts})
        if not is_new:
            self._check_free(row.execution_id)
            self._begin_again(Blob.objects.filter(pk=name), name)
        return name

    @staticmethod
    def _check_free(run_id: UUID) -> None:
        if Execution.objects.filter(pk=run_id).exists():
            raise RowsTaken(f"The run {run_id} is there already")

    def _begin_again(self, row: "QuerySet[Any]", place: str) -> None:
        """An earlier import has left it."""
        row.update(created_at=Now())
        remove(place)


def _files(developer_id: UUID) -> "QuerySet[Any, tuple[UUID, int]]":
    return File.objects.filter(developer=developer_id).order_by("pk").values_list("pk", "size")


def _read_now(developer_id: UUID) -> "QuerySet[Any, tuple[UUID, int]]":
    """What is read into docs and belongs to no file."""
    open_ = Ingestion.objects.filter(developer=developer_id, state__in=OPEN)
    files = File.objects.filter(developer=developer_id)
    return open_.exclude(content_id__in=files.values("pk")).order_by("content_id").values_list("content_id", "size")


def _blobs(developer_id: UUID) -> "QuerySet[Any, tuple[str, int, UUID]]":
    """Those in the storage. Values in rows are what the engine needs of runs that have not ended."""
    ended = Execution.objects.filter(developer=developer_id, status__in=TERMINAL_EXECUTION)
    blobs = Blob.objects.filter(execution_id__in=ended.values("pk"), content=None)
    return blobs.order_by("pk").values_list("name", "size", "execution_id")


def _archived(name: str, run_id: UUID) -> str:
    """What a blob of this run is called in an archive."""
    _, first_run, blob = name.split("/")
    return name if first_run == str(run_id) else f"blobs/{run_id}/{first_run}_{blob}"
