"""What was said before: the responses a new one follows, and items it refers to."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Sum

from agents.models import Developer
from julep_project.core.api.page_bytes import LARGEST_PAGE_BYTES
from julep_project.core.errors import BadRequest, NotFound
from sessions.responses.models import StoredResponse
from sessions.responses.wire.errors import at, item_not_found
from sessions.responses.wire.ids import response_of_item
from sessions.responses.wire.items import REFERENCE, Item
from sessions.responses.wire.request import UNKNOWN_PREVIOUS

LONGEST_CHAIN = 1000
MOST_BYTES = LARGEST_PAGE_BYTES
_PREVIOUS = "previous_response_id"
_FOLLOWED = ("completed", "incomplete", "cancelled")

_CHAIN = """
    WITH RECURSIVE chain AS (
        SELECT id, previous_id, 1 AS depth, size_bytes::bigint AS bytes
        FROM chat_sessions_storedresponse
        WHERE id = %(id)s AND developer_id = %(developer)s AND deleted_at IS NULL
        UNION ALL
        SELECT r.id, r.previous_id, c.depth + 1, c.bytes + r.size_bytes
        FROM chain c JOIN chat_sessions_storedresponse r ON r.id = c.previous_id AND r.developer_id = %(developer)s
        WHERE c.depth < %(longest)s AND c.bytes < %(most)s)
    SELECT r.* FROM chain c JOIN chat_sessions_storedresponse r ON r.id = c.id ORDER BY c.depth DESC
"""


def load_history(developer: Developer, previous_id: UUID, *, may_cut: bool) -> list[Item]:
    """Every item of the conversation up to and with this response, oldest first, read with one query.

    Deleted responses in between still count. Of a conversation that is too long the newest part is taken when
    `may_cut` says so.

    Raises:
        NotFound: there is no such response, or it was deleted.
        BadRequest: it has not ended, or has failed, or the conversation is too long.
    """
    options = {
        "id": previous_id,
        "developer": developer.pk,
        "longest": LONGEST_CHAIN,
        "most": MOST_BYTES,
    }
    chain = list(StoredResponse.objects.raw(_CHAIN, options))
    if not chain:
        raise at(NotFound(UNKNOWN_PREVIOUS), _PREVIOUS)
    if chain[-1].status not in _FOLLOWED:
        raise at(BadRequest(f"A response with the status {chain[-1].status!r} cannot be continued"), _PREVIOUS)
    if chain[0].body.get("conversation"):
        text = "The response was made in a conversation: continue that conversation instead"
        raise at(BadRequest(text), _PREVIOUS)
    if chain[0].previous_id is not None and not may_cut:
        text = f"The conversation is longer than {LONGEST_CHAIN} responses or larger than {MOST_BYTES >> 20} MiB"
        raise at(BadRequest(text, fix="Start a new one, or send truncation: auto"), _PREVIOUS)
    return [item for response in chain for item in items_of(response)]


def items_of(response: StoredResponse) -> list[Item]:
    """What was asked and what was answered."""
    return [*response.input_items, *response.body["output"]]


def _no_others(item_ids: Collection[str]) -> Mapping[str, Item]:
    return {}


def resolve_references(
    developer: Developer,
    items: Sequence[Item],
    among: Callable[[Collection[str]], Mapping[str, Item]] = _no_others,
    *,
    field: str = "input",
) -> list[Item]:
    """The items, with those in the place of references that were referred to: those that `among` finds, or else items
    of responses.

    Raises:
        NotFound: there is no item with this id.
        BadRequest: the responses they belong to are too large to be read.
    """
    wanted = [item["id"] for item in items if item["type"] == REFERENCE]
    if not wanted:
        return list(items)
    near = among(wanted)
    found = {**_find_items(developer, [item_id for item_id in wanted if item_id not in near], field), **near}
    for item_id in wanted:
        if item_id not in found:
            raise at(item_not_found(item_id), field)
    return [found[item["id"]] if item["type"] == REFERENCE else item for item in items]


def _find_items(developer: Developer, item_ids: Iterable[str], field: str) -> dict[str, Any]:
    responses = {response_of_item(item_id) for item_id in item_ids} - {None}
    rows = StoredResponse.objects.for_developer(developer).filter(pk__in=responses, deleted_at=None)
    if (rows.aggregate(bytes=Sum("size_bytes"))["bytes"] or 0) > MOST_BYTES:
        text = f"The responses that items are referred to in are larger than {MOST_BYTES >> 20} MiB together"
        raise at(BadRequest(text), field)
    return {item["id"]: item for row in rows for item in items_of(row)}
