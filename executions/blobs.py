"""Large values of runs lie in the file storage; the row holds a reference. Nobody but this file and the field knows.

A reference is an object with the one key `$blob`. A value that looks like one is moved to the storage whatever its
size, so a reference in a row was always made here.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import BigIntegerField, Exists, Func, OuterRef, QuerySet, Subquery, Sum, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now

from executions.models import Blob, Branch, Execution, Transition
from executions.stored_json import REFERENCE
from julep_project.core.errors import DomainError
from julep_project.core.ids import uuid7
from julep_project.core.jsontext import to_json_text
from julep_project.core.storage import SURELY_COMMITTED, prune, remove, save_new

_LOOKS_LIKE_ONE = f'{{"{REFERENCE}":'


class Blobs:
    """Moves large values of one run out; one object for each commit, which stores equal values once."""

    def __init__(self, execution_id: UUID) -> None:
        self._execution_id = execution_id
        self._moved: dict[str, str] = {}
        self._names: list[str] = []

    def outlined(self, text: str) -> str:
        """JSON text for the row: the text itself, or a reference to where it lies now."""
        limit = settings.BLOB_STORE_CUTOFF_KB * 1024
        if (not limit or len(text) <= limit) and not text.startswith(_LOOKS_LIKE_ONE):
            return text
        if text not in self._moved:
            self._moved[text] = orjson.dumps({REFERENCE: self._move(text)}).decode()
        return self._moved[text]

    def placed(self, value: Any) -> Any:
        """The same for a row that is written through its model.

        Raises:
            NotStorable
        """
        return json.loads(self.outlined(to_json_text(value)))

    def discard(self) -> None:
        """Remove what was moved: no row names it, and none will."""
        for name in self._names:
            with suppress(OSError):
                remove(name)
                Blob.objects.filter(pk=name).delete()

    def _move(self, text: str) -> str:
        """The row comes first: a content without one would never be found again."""
        name = f"blobs/{self._execution_id}/{uuid7()}"
        content = text.encode()
        Blob.objects.create(name=name, execution_id=self._execution_id, size=len(content))
        self._names.append(name)
        save_new(name, io.BytesIO(content))
        return name


@contextmanager
def placed(execution_id: UUID, value: Any) -> Iterator[Any]:
    """What a row takes for a value, for a block that locks rows and writes it.

    A large value reaches the storage before the block begins, and is removed again when the block refuses it. After a
    failure of the database it stays: the row may have been written.

    Raises:
        NotStorable
        ServiceUnavailable: the storage does not take it.
    """
    blobs = Blobs(execution_id)
    in_row = blobs.placed(value)
    try:
        yield in_row
    except DomainError:
        blobs.discard()
        raise


def stored_size(rows: QuerySet[Branch] | QuerySet[Transition]) -> int:
    """Bytes of the outputs of these rows together, wherever they lie; none of them is read."""
    moved = Blob.objects.filter(name=KeyTextTransform(REFERENCE, OuterRef("output"))).values("size")
    inline = Func(Cast("output", TextField()), function="octet_length", output_field=BigIntegerField())
    total = rows.order_by().aggregate(total=Sum(Coalesce(Subquery(moved), inline)))["total"]
    return int(total or 0)


def prune_blobs() -> int:
    """Remove contents of runs that were deleted. Returns how many; may be interrupted and run at any time."""
    run = Execution.objects.filter(pk=OuterRef("execution_id"))
    old = Blob.objects.filter(created_at__lt=Now() - SURELY_COMMITTED)
    return prune(old.filter(~Exists(run)), lambda blob: str(blob.name))
