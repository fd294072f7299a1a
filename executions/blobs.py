"""Large values of runs lie in the file storage; the row holds a reference. Nobody but this file and the field knows.

A reference is an object with the one key `$blob`. A value that looks like one is moved to the storage whatever its
size, so a reference in a row was always made here.
"""

import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from executions.models import Blob, Execution
from executions.stored_json import REFERENCE
from julep_project.core.ids import uuid7
from julep_project.core.jsontext import to_json_text
from julep_project.core.storage import remove, save_new

_LOOKS_LIKE_ONE = f'{{"{REFERENCE}":'
# A run's blobs are written before the run itself, or the commit that names them.
_SURELY_COMMITTED = timedelta(days=1)
_BATCH = 500


class Blobs:
    """Moves large values of one run out; one object for each commit, which stores equal values once."""

    def __init__(self, execution_id: UUID) -> None:
        self._execution_id = execution_id
        self._moved: dict[str, str] = {}

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
        return orjson.loads(self.outlined(to_json_text(value)))

    def _move(self, text: str) -> str:
        """The row comes first: a content without one would never be found again."""
        name = f"blobs/{self._execution_id}/{uuid7()}"
        Blob.objects.create(name=name, execution_id=self._execution_id)
        save_new(name, io.BytesIO(text.encode()))
        return name


def prune_blobs() -> int:
    """Remove contents of runs that were deleted. Returns how many; may be interrupted and run at any time."""
    run = Execution.objects.filter(pk=OuterRef("execution_id"))
    old = Blob.objects.filter(created_at__lt=Now() - _SURELY_COMMITTED)
    names = list(old.filter(~Exists(run)).values_list("name", flat=True)[:_BATCH])
    for name in names:
        remove(name)
    Blob.objects.filter(name__in=names).delete()
    return len(names)
