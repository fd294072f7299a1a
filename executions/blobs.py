"""Large values of runs are kept apart from the rows that use them; a row holds a reference.

A reference is an object with the one key `$blob`. A value that looks like one is kept apart whatever its size, so a
reference in a row was always made here. What the API shows of a run lies in the file storage (only this file and the
field `StoredJson` know); what only the engine refers to lies in the database unless it is large (see
`executions.engine.contents`).
"""

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import BigIntegerField, Exists, Func, OuterRef, QuerySet, Subquery, Sum, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now

from executions.models import Blob, Branch, Execution, Transition
from executions.states import TERMINAL_EXECUTION
from executions.stored_json import REFERENCE, read_text
from julep_project.core.database import give_connection_back
from julep_project.core.errors import DomainError, StorageUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.storage.storage import SURELY_COMMITTED, prune, read_stored, remove, save_new
from julep_project.core.tenancy import system_scope

LOOKS_LIKE_ONE = f'{{"{REFERENCE}":'
_ROWS_PRUNED_AT_ONCE = 1000


class Blobs:
    """Keeps values of one run apart, equal ones once; one object for each message or request.

    Whose a blob is, its run says, which is written after it: blobs are written in the scope of all.

    What one of them has written the others find by its digest, so none of them may remove it: it goes with the run.
    """

    def __init__(self, execution_id: UUID) -> None:
        self._execution_id = execution_id
        self._in_storage: dict[str, str] = {}
        self._in_rows: set[str] = set()
        self._unwritten: dict[str, str] = {}

    def outlined(self, text: str) -> str:
        """JSON text for a column of the type `StoredJson`: the text itself, or a reference to where it lies now.

        Raises:
            StorageUnavailable: the storage does not take it.
        """
        if not _is_large(text) and not text.startswith(LOOKS_LIKE_ONE):
            return text
        return orjson.dumps({REFERENCE: self._name_in_storage(text)}).decode()

    def keep(self, text: str) -> str:
        """The name by which `read` finds a JSON text again, once `write` was called.

        A large one is kept in a row too while the storage does not take it: an answer that was waited for is not lost.
        """
        if _is_large(text):
            with suppress(StorageUnavailable):
                return self._name_in_storage(text)
        name = f"values/{self._execution_id}/{sha256(text.encode()).hexdigest()}"
        if name not in self._in_rows:
            self._unwritten[name] = text
        return name

    def write(self) -> None:
        """Write what is kept and not in the storage. Call it before the statement that refers to it."""
        if self._unwritten:
            rows = [
                Blob(name=name, execution_id=self._execution_id, size=len(text.encode()), content=text)
                for name, text in self._unwritten.items()
            ]
            with system_scope():
                Blob.objects.bulk_create(rows, ignore_conflicts=True)
            self._in_rows |= self._unwritten.keys()
            self._unwritten = {}

    def read(self, names: Collection[str]) -> dict[str, Any]:
        """The values of those of the names that are this run's.

        Raises:
            StorageUnavailable: the storage does not give one now.
            ContentMissing: the storage does not have one.
        """
        rows = Blob.objects.filter(execution_id=self._execution_id, name__in=names)
        found = list(rows.values_list("name", "content", "size"))
        if any(text is None for _, text, _ in found):
            give_connection_back()
        # Old rows do not know their size.
        return {
            name: read_text(read_stored(name, size=size or None) if text is None else text)
            for name, text, size in found
        }

    def _name_in_storage(self, text: str) -> str:
        content = text.encode()
        digest = sha256(content).hexdigest()
        if digest not in self._in_storage:
            known = Blob.objects.filter(execution_id=self._execution_id, digest=digest)
            name = known.values_list("name", flat=True).first()
            if name is None:
                name = _move(self._execution_id, content)
                # From now on others may refer to it.
                with system_scope():
                    Blob.objects.filter(pk=name).update(digest=digest)
            self._in_storage[digest] = name
        return self._in_storage[digest]


@contextmanager
def placed(execution_id: UUID, value: Any) -> Iterator[Any]:
    """What a row takes for a value, for a block that locks rows and writes it.

    A large value reaches the storage before the block begins, and is removed again when the block refuses it. After a
    failure of the database it stays: the row may have been written.

    Raises:
        NotStorable
        StorageUnavailable: the storage does not take it.
    """
    text = to_json_text(value)
    if not _is_large(text) and not text.startswith(LOOKS_LIKE_ONE):
        yield value
        return
    name = _move(execution_id, text.encode())
    try:
        yield {REFERENCE: name}
    except DomainError:
        with suppress(StorageUnavailable), system_scope():
            remove(name)
            Blob.objects.filter(pk=name).delete()
        raise


def _is_large(text: str) -> bool:
    limit = settings.BLOB_STORE_CUTOFF_KB * 1024
    return bool(limit) and len(text) > limit


def _move(execution_id: UUID, content: bytes) -> str:
    """The row comes first: a content without one would never be found again."""
    name = f"blobs/{execution_id}/{uuid7()}"
    with system_scope():
        Blob.objects.create(name=name, execution_id=execution_id, size=len(content))
    save_new(name, io.BytesIO(content))
    return name


def stored_size(rows: QuerySet[Branch] | QuerySet[Transition]) -> int:
    """Bytes of the outputs of these rows together, wherever they lie; none of them is read."""
    moved = Blob.objects.filter(name=KeyTextTransform(REFERENCE, OuterRef("output"))).values("size")
    inline = Func(Cast("output", TextField()), function="octet_length", output_field=BigIntegerField())
    total = rows.order_by().aggregate(total=Sum(Coalesce(Subquery(moved), inline)))["total"]
    return int(total or 0)


def prune_blobs() -> int:
    """Remove what belongs to runs that were deleted, and what only the engine needed of those that have ended.

    Returns how many. May be interrupted and run at any time.
    """
    run = Execution.objects.filter(pk=OuterRef("execution_id"))
    old = Blob.objects.filter(created_at__lt=Now() - SURELY_COMMITTED)
    in_use = run.exclude(status__in=TERMINAL_EXECUTION)
    in_rows = _delete_rows(old.filter(~Exists(in_use), content__isnull=False))
    return in_rows + prune(old.filter(~Exists(run), content__isnull=True), lambda blob: str(blob.name))


@system_scope()
def forget_runs(run_ids: Collection[UUID]) -> None:
    """Remove what belonged to runs whose rows are gone. What cannot be removed now is left to `prune_blobs`."""
    owned = Blob.objects.filter(execution_id__in=run_ids)
    _delete_rows(owned.filter(content__isnull=False))
    prune(owned.filter(content__isnull=True), lambda blob: str(blob.name))


def _delete_rows(rows: QuerySet[Blob]) -> int:
    deleted = 0
    while names := list(rows.order_by("created_at").values_list("pk", flat=True)[:_ROWS_PRUNED_AT_ONCE]):
        deleted += Blob.objects.filter(pk__in=names).delete()[0]
    return deleted
