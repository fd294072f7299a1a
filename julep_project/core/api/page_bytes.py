"""What a page may take of the memory of a process, by the bytes of its large columns."""

from collections.abc import Iterator
from typing import Any

from django.db.models import BigIntegerField, Count, F, Func, JSONField, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Coalesce

from julep_project.core.errors import BadRequest

# An answer is built in memory, and so is what a model is asked.
LARGEST_PAGE_BYTES = 64 * 2**20

# The database packs values no closer than this; so much less than a page needs no second look.
_CLOSEST = 100
# What an answer says of a row besides its large values.
_ROW_BYTES = 400
_PAGE_ROWS = 200


def rows_within(rows: "QuerySet[Any]", *columns: str, most_rows: int, most_bytes: int) -> int:
    """How many of the first rows have no more than so many bytes in these columns together, as text; one at least.

    What the values take where they are packed is known at once. Only where that does not decide are they unpacked,
    and no more of them than could fit.
    """
    return split_page(rows[:most_rows], *columns, most_bytes=most_bytes)[0]


def split_page(page: "QuerySet[Any]", *columns: str, most_bytes: int) -> tuple[int, int]:
    """The same for all rows of a page, and how many others it has."""
    packed = list(page.values_list(_packed(columns), flat=True))
    if sum(packed) * _CLOSEST <= most_bytes:
        return len(packed), 0
    within = page[: _fitting(packed, most_bytes)].values_list(_unpacked(columns), flat=True)
    count = _fitting(list(within), most_bytes)
    return count, len(packed) - count


def pages_within(rows: "QuerySet[Any]", *columns: str, most_bytes: int) -> Iterator[list[Any]]:
    """All rows, in pages that hold no more than so many bytes in these columns, as text; a row alone may.

    What is added or goes meanwhile may be there or not; no row comes twice.
    """
    left = list(rows.values_list("pk", flat=True))
    while left:
        page = rows.filter(pk__in=left[:_PAGE_ROWS])
        count = rows_within(page, *columns, most_rows=_PAGE_ROWS, most_bytes=most_bytes)
        found = list(page[:count])
        if not found:
            left = left[_PAGE_ROWS:]
            continue
        left = left[left.index(found[-1].pk) + 1 :]
        yield found


def check_page(rows: "QuerySet[Any]") -> None:
    """Refuse to read rows whose values take too much together; a row alone never does.

    Raises:
        BadRequest
    """
    columns = _large_columns(rows)
    if not columns:
        return
    packed = list(rows.values_list(_packed(columns), flat=True))
    if len(packed) < 2 or sum(packed) * _CLOSEST <= LARGEST_PAGE_BYTES:
        return
    size = sum(rows.values_list(_unpacked(columns), flat=True))
    if size > LARGEST_PAGE_BYTES:
        raise BadRequest(f"The rows of this page hold {size} bytes together; ask for fewer with limit")


def check_whole(rows: "QuerySet[Any]", *, instead: str) -> None:
    """Refuse to read all of the rows when they hold too much together; `instead` says what to do.

    Raises:
        BadRequest
    """
    columns = _large_columns(rows)
    found = rows.order_by().aggregate(count=Count("pk"), packed=Sum(_packed(columns)))
    around = found["count"] * _ROW_BYTES
    if around + (found["packed"] or 0) * _CLOSEST <= LARGEST_PAGE_BYTES:
        return
    size = around + (rows.order_by().aggregate(size=Sum(_unpacked(columns)))["size"] or 0)
    if size > LARGEST_PAGE_BYTES:
        raise BadRequest(f"This holds about {size} bytes; {instead}")


def _large_columns(rows: "QuerySet[Any]") -> list[str]:
    fields = rows.model._meta.concrete_fields
    return [field.attname for field in fields if isinstance(field, JSONField | TextField)]


def _packed(columns: Any) -> Any:
    return _total(Func(F(column), function="pg_column_size", output_field=BigIntegerField()) for column in columns)


def _unpacked(columns: Any) -> Any:
    texts = (Cast(column, TextField()) for column in columns)
    return _total(Func(text, function="octet_length", output_field=BigIntegerField()) for text in texts)


def _total(sizes: Any) -> Any:
    total: Any = Value(0)
    for size in sizes:
        total = total + Coalesce(size, Value(0), output_field=BigIntegerField())
    return total


def _fitting(sizes: list[int], most: int) -> int:
    """How many of the first are no more than so many together; one at least, if there is one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > most:
            return max(count, 1)
    return len(sizes)
