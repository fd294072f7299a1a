"""A JSON column whose large values lie in the file storage; see `executions.blobs` for how they get there."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db.models import JSONField, Model, QuerySet
from django.db.models.functions import Cast

from julep_project.core.database import give_connection_back
from julep_project.core.errors import ContentMissing, StorageUnavailable
from julep_project.core.storage.storage import read_stored

REFERENCE = "$blob"
# What stands in a list for a content that is not shown there, with the reason.
OMITTED = "$omitted"
_UNREADABLE = "the stored content cannot be read"
_TOO_MUCH = "the contents of this page are too large together; get this one alone"

_AS_STORED = "_as_stored"

Row = TypeVar("Row", bound=Model)


class StoredJson(JSONField):
    """Reads values wherever they lie."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        return _content(found[REFERENCE])[0] if is_reference(found) else found


def as_stored(rows: "QuerySet[Row]", *columns: str) -> "QuerySet[Row]":
    """The rows without following references in these columns. `show` fills the columns in."""
    found: QuerySet[Row] = rows.defer(*columns).annotate(
        **{f"{name}{_AS_STORED}": Cast(name, JSONField()) for name in columns}
    )
    return found


def show(rows: Iterable[Row], *columns: str, most_bytes: int) -> list[Row]:
    """The rows that were asked for `as_stored`, for a list: no content takes the others with it.

    Where one cannot be read, or after `most_bytes` of contents, an object with the key `$omitted` stands in its place.
    No database connection is held while contents are read.
    """
    left = most_bytes
    shown = list(rows)
    for row in shown:
        left -= _fill_in(row, columns, left)
    return shown


def show_first(rows: Iterable[Row], *columns: str, most_bytes: int) -> list[Row]:
    """`show` for those of the rows that begin before so many bytes of contents were read."""
    left = most_bytes
    shown: list[Row] = []
    for row in rows:
        if left <= 0:
            break
        left -= _fill_in(row, columns, None)
        shown.append(row)
    return shown


def _fill_in(row: Model, columns: Sequence[str], left: int | None) -> int:
    """Put the contents into the columns; how many bytes were read for it."""
    read = 0
    for name in columns:
        value = getattr(row, f"{name}{_AS_STORED}")
        if is_reference(value):
            give_connection_back()
            value, size = _shown_content(value[REFERENCE], None if left is None else left - read)
            read += size
        setattr(row, name, value)
    return read


def omit(rows: "QuerySet[Row]", *columns: str) -> list[Row]:
    """The rows without reading these columns: an object with the key `$omitted` stands in each of them."""
    found = list(rows.defer(*columns))
    for row in found:
        for name in columns:
            setattr(row, name, {OMITTED: _TOO_MUCH})
    return found


def _shown_content(name: str, left: int | None) -> tuple[Any, int]:
    if left is not None and left <= 0:
        return {OMITTED: _TOO_MUCH}, 0
    try:
        return _content(name)
    except (StorageUnavailable, ContentMissing):
        return {OMITTED: _UNREADABLE}, 0


def _content(name: str) -> tuple[Any, int]:
    """A value from the storage, and its bytes."""
    text = read_stored(name)
    return read_text(text), len(text)


def read_text(text: str | bytes) -> Any:
    """The value of a JSON text that was kept apart. The standard reader keeps every digit of a whole number.

    Raises:
        StorageUnavailable: this is not what was stored.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise StorageUnavailable("A stored content is not what was stored", reason="a content is cut short") from error


def is_reference(value: Any) -> bool:
    """Whether the value of a row stands for one that lies elsewhere."""
    return isinstance(value, dict) and len(value) == 1 and REFERENCE in value
