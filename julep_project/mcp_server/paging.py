"""Pages of lists: of several kinds of rows one behind the other, found by a cursor."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet

from julep_project.core.api.pagination import Cursor
from julep_project.core.errors import BadRequest

PAGE = 50

Rows = Callable[[], "QuerySet[Any]"]


def page_of(
    kinds: Mapping[str, Rows], cursor: str | None, *, most: int = PAGE
) -> tuple[list[tuple[str, Any]], str | None]:
    """Up to so many rows with their kinds, the newest of each kind first, and the cursor of what comes behind them.

    Raises:
        BadRequest: it is no cursor of such a list.
    """
    names = list(kinds)
    name, _, place = (cursor or f"{names[0]}:").partition(":")
    if name not in kinds:
        raise BadRequest("The cursor is not valid")
    found: list[tuple[str, Any]] = []
    for kind in names[names.index(name) :]:
        rows = _behind(kinds[kind](), place)
        room = most - len(found)
        page = list(rows.order_by("-created_at", "-pk")[: room + 1])
        found.extend((kind, row) for row in page[:room])
        if len(page) > room:
            # Where there was no room at all, the kind begins anew.
            last = Cursor.at(page[room - 1]).to_text() if room else ""
            return found, f"{kind}:{last}"
        place = ""
    return found, None


def _behind(rows: "QuerySet[Any]", place: str) -> "QuerySet[Any]":
    cursor = Cursor.read(place)
    return rows if cursor is None else cursor.behind(rows)
