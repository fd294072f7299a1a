"""Pages of the items a response was made from."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.models import Developer
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.validation import invalid
from sessions.models import StoredResponse
from sessions.responses.conversation import load_history
from sessions.responses.items import Item
from sessions.responses.output import shown_item

Json = Any

_USUAL_LIMIT = 20
_MOST = 100
_ORDERS = ("asc", "desc")


def list_input_items(
    developer: Developer, response: StoredResponse, query: Mapping[str, str], include: Sequence[str]
) -> dict[str, Json]:
    """The page a query string asks for: the conversation before the response and its own input, newest first.

    Raises:
        BadRequest: `limit` is out of range.
        InvalidInput: `limit` is no number, or `order` is unknown.
        NotFound: there is no item with the id in `after`.
    """
    items = [*_history(developer, response), *response.input_items]
    if _choice(query) == "desc":
        items.reverse()
    start = _place_after(items, query.get("after"))
    limit = _limit(query)
    page = [shown_item(item, include) for item in items[start : start + limit]]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(items),
    }


def _history(developer: Developer, response: StoredResponse) -> list[Item]:
    if response.previous_id is None:
        return []
    return load_history(developer, response.previous_id, may_cut=True, may_be_deleted=True)


def _choice(query: Mapping[str, str]) -> str:
    order = query.get("order") or "desc"
    if order not in _ORDERS:
        raise invalid(("query", "order"), "enum", received=order, expected="'asc' or 'desc'", choices=_ORDERS)
    return order


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit") or str(_USUAL_LIMIT)
    try:
        limit = int(text)
    except ValueError:
        raise invalid(("query", "limit"), "int_parsing", received=text) from None
    if not 1 <= limit <= _MOST:
        raise BadRequest(f"Limit must be between 1 and {_MOST}")
    return limit


def _place_after(items: Sequence[Item], item_id: str | None) -> int:
    if not item_id:
        return 0
    for place, item in enumerate(items):
        if item["id"] == item_id:
            return place + 1
    raise NotFound(f"Item with id '{item_id[:80]}' not found.")
