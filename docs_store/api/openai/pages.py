"""Lists as OpenAI's clients read them: a page begins behind the row that `after` names, or ends before another one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict

from docs_store.stores.references import parse_reference
from julep_project.core.api.pagination import Cursor
from julep_project.core.errors import NotFound
from julep_project.core.reading.fields import Body

Json = dict[str, Any]


def read_query(asked: type[Body], query: QueryDict) -> Json:
    """What a list is asked for. An empty value counts as absent.

    Raises:
        InvalidInput
    """
    return asked.read({name: value for name, value in query.items() if value})


def read_page(
    rows: "QuerySet[Any]",
    asked: Mapping[str, Any],
    *,
    prefix: str,
    usual: int,
    named_by: str = "pk",
    among: "QuerySet[Any] | None" = None,
) -> tuple[list[Any], bool]:
    """The rows that were asked for, the newest first unless told otherwise, and whether there are more that way.

    Ids begin with the prefix and are those of the column `named_by`. Rows that come and go are `among` others, which
    a page may begin behind, too.

    Raises:
        NotFound: `after` or `before` names no row of the list.
    """
    known = rows if among is None else among
    limit, descending = asked.get("limit", usual), asked.get("order") != "asc"
    # Before a row are those that come behind it in the other order.
    backwards = "before" in asked and "after" not in asked
    for name, way in (("after", descending), ("before", not descending)):
        if name in asked:
            rows = _place(known, parse_reference(prefix, asked[name]), named_by, name).behind(rows, descending=way)
    sign = "-" if descending != backwards else ""
    found = list(rows.order_by(f"{sign}created_at", f"{sign}pk")[: limit + 1])
    page = found[:limit]
    return page[::-1] if backwards else page, len(found) > limit


def listed(page: Sequence[Any], has_more: bool, to_wire: Callable[[Any], Json]) -> Json:
    """The list object."""
    data = [to_wire(row) for row in page]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _place(rows: "QuerySet[Any]", row_id: UUID | None, named_by: str, parameter: str) -> Cursor:
    row = None if row_id is None else rows.filter(**{named_by: row_id}).first()
    if row is None:
        raise NotFound(f"The list has no row that `{parameter}` names")
    return Cursor.at(row)
