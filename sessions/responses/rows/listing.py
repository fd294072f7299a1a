"""Pages of items, and those that a response was made from."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import connection

from agents.models import Developer
from julep_project.core.api.page_bytes import LARGEST_PAGE_BYTES
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import invalid
from sessions.responses.models import StoredResponse
from sessions.responses.rows.chain import LONGEST_CHAIN, MOST_BYTES
from sessions.responses.wire.errors import item_not_found
from sessions.responses.wire.shown import shown_item

_USUAL_LIMIT = 20
_MOST = 100
_ORDERS = ("asc", "desc")
_LARGEST_PAGE_BYTES = LARGEST_PAGE_BYTES // 4


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which items are asked for: so many behind that one, in this order."""

    limit: int
    after: str
    is_rising: bool

    @property
    def most_bytes(self) -> int:
        """What a page may hold; one item may be more."""
        return _LARGEST_PAGE_BYTES


# What a conversation consists of up to a response's own input, each item with its place. The database alone sees all.
_ITEMS = """
    WITH RECURSIVE chain AS (
        SELECT id, previous_id, 0 AS depth, 0::bigint AS bytes
        FROM chat_sessions_storedresponse WHERE id = %(id)s AND developer_id = %(developer)s
        UNION ALL
        SELECT r.id, r.previous_id, c.depth + 1, c.bytes + r.size_bytes
        FROM chain c JOIN chat_sessions_storedresponse r ON r.id = c.previous_id AND r.developer_id = %(developer)s
        WHERE c.depth < %(longest)s AND c.bytes < %(most)s),
    items AS MATERIALIZED (
        SELECT %(sign)s * row_number() OVER (ORDER BY c.depth DESC, part.number, item.number) AS place, item.value
        FROM chain c JOIN chat_sessions_storedresponse r ON r.id = c.id
        CROSS JOIN LATERAL (VALUES
            (0, r.input_items), (1, CASE WHEN c.depth > 0 THEN r.body->'output' END)) AS part (number, items)
        CROSS JOIN LATERAL jsonb_array_elements(part.items) WITH ORDINALITY AS item (value, number))
"""
_PLACE = " SELECT min(place) FROM items WHERE value->>'id' = %(after)s"
_PAGE = """,
    wanted AS (
        SELECT place, value::text AS item FROM items
        WHERE %(behind)s::bigint IS NULL OR place > %(behind)s ORDER BY place LIMIT %(limit)s + 1),
    counted AS (
        SELECT item, row_number() OVER by_place AS number, sum(octet_length(item)) OVER by_place AS bytes
        FROM wanted WINDOW by_place AS (ORDER BY place))
    SELECT CASE WHEN number = 1 OR number <= %(limit)s AND bytes <= %(page)s THEN item END FROM counted ORDER BY number
"""


def read_page(query: Mapping[str, str]) -> PageQuery:
    """The paging part of a query string: the newest items first, unless it says otherwise.

    Raises:
        BadRequest: `limit` is out of range.
        InvalidInput: `limit` is no number, or `order` is unknown.
    """
    return PageQuery(_limit(query), query.get("after") or "", _choice(query) == "asc")


def page_of(found: Iterable[str | None], include: Collection[str]) -> dict[str, Json]:
    """A page of items that are JSON; those that there was no room for, or that are beyond it, are null."""
    texts = list(found)
    page = [shown_item(json.loads(item), include) for item in texts if item is not None]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(texts),
    }


def list_input_items(
    developer: Developer, response: StoredResponse, page: PageQuery, include: Collection[str]
) -> dict[str, Json]:
    """The page that is asked for: of the conversation before the response and its own input.

    A page has fewer items than were asked for where they would be too much for one answer.

    Raises:
        NotFound: there is no item with the id in `after`.
    """
    of: dict[str, Json] = {
        "id": response.pk,
        "developer": developer.pk,
        "longest": LONGEST_CHAIN,
        "most": MOST_BYTES,
        "sign": 1 if page.is_rising else -1,
        "limit": page.limit,
        "page": page.most_bytes,
    }
    of["behind"] = _place_of(of, page.after)
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS + _PAGE, of)
        return page_of([item for (item,) in cursor.fetchall()], include)


def read_number(query: Mapping[str, str], name: str, *, usual: int) -> int:
    """A whole number of a query string.

    Raises:
        InvalidInput: it is none.
    """
    text = query.get(name) or str(usual)
    try:
        return int(text)
    except ValueError:
        raise invalid(("query", name), "int_parsing", received=text) from None


def _place_of(of: Mapping[str, Json], item_id: str) -> int | None:
    if not item_id:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS + _PLACE, {**of, "after": item_id})
        (place,) = cursor.fetchone()
    if place is None:
        raise item_not_found(item_id)
    return int(place)


def _choice(query: Mapping[str, str]) -> str:
    order = query.get("order") or "desc"
    if order not in _ORDERS:
        raise invalid(("query", "order"), "enum", received=order, expected="'asc' or 'desc'", choices=_ORDERS)
    return order


def _limit(query: Mapping[str, str]) -> int:
    limit = read_number(query, "limit", usual=_USUAL_LIMIT)
    if not 1 <= limit <= _MOST:
        raise BadRequest(f"Limit must be between 1 and {_MOST}")
    return limit
