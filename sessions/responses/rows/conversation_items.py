"""The items of conversations: added under the row lock of their conversation, read in the order that decides."""

from collections.abc import Collection, Mapping, Sequence
from itertools import dropwhile
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json
from sessions.responses.models import Conversation, ConversationItem
from sessions.responses.rows.chain import MOST_BYTES
from sessions.responses.rows.listing import PageQuery, page_of
from sessions.responses.wire.errors import at, item_not_found
from sessions.responses.wire.ids import as_uuid
from sessions.responses.wire.items import Item, with_distinct_ids
from sessions.responses.wire.shown import without_kept

MOST_ITEMS_READ = 20_000
_AT_ONCE = 500
_ADDED = ("completed", "incomplete")

# The newest items that are not too many and not too much, the oldest of them first, and whether there are others.
_NEWEST = """
    WITH newest AS (
        SELECT id, position, sum(size_bytes) OVER (ORDER BY position DESC) AS bytes
        FROM (SELECT id, position, size_bytes FROM responses_conversationitem
              WHERE conversation_id = %(id)s ORDER BY position DESC LIMIT %(most)s + 1) AS part),
    chosen AS (SELECT id, position FROM newest WHERE bytes <= %(bytes)s ORDER BY position DESC LIMIT %(most)s)
    SELECT item.*, (SELECT count(*) FROM newest) > (SELECT count(*) FROM chosen) AS is_cut
    FROM chosen JOIN responses_conversationitem item ON item.id = chosen.id ORDER BY chosen.position
"""
_PLACE = "SELECT position FROM responses_conversationitem WHERE conversation_id = %(id)s AND item_id = %(after)s"
# Of one more than are asked for, those that there is room for.
_PAGE = """
    SELECT CASE WHEN number = 1 OR number <= %(limit)s AND bytes <= %(page)s THEN item::text END
    FROM (SELECT item, row_number() OVER by_place AS number, sum(size_bytes) OVER by_place AS bytes
          FROM (SELECT item, size_bytes, position FROM responses_conversationitem
                WHERE conversation_id = %(id)s AND (%(behind)s::bigint IS NULL OR position {behind} %(behind)s::bigint)
                ORDER BY position {order} LIMIT %(limit)s + 1) AS part
          WINDOW by_place AS (ORDER BY position {order})) AS counted
    ORDER BY number
"""
_RISING, _FALLING = _PAGE.format(behind=">", order="ASC"), _PAGE.format(behind="<", order="DESC")


def load_items(conversation: Conversation, *, may_cut: bool) -> list[Item]:
    """Every item, oldest first. Of a conversation that is too long the newest part is taken when `may_cut` says so.

    Raises:
        BadRequest: it is too long.
    """
    bounds = {"id": conversation.pk, "most": MOST_ITEMS_READ, "bytes": MOST_BYTES}
    rows: list[Any] = list(ConversationItem.objects.raw(_NEWEST, bounds))
    items: list[Item] = [row.item for row in rows]
    if not rows or not rows[0].is_cut:
        return items
    if not may_cut:
        text = f"The conversation has more than {MOST_ITEMS_READ} items, or more than {MOST_BYTES >> 20} MiB"
        raise at(BadRequest(text, fix="Start a new one, or send truncation: auto"), "conversation")
    # What is left may begin with results of calls that are not.
    return list(dropwhile(lambda item: item.get("role") != "user", items))


def add_items(conversation_id: UUID, items: Sequence[Item], *, users: Collection[str] = ()) -> list[Item] | None:
    """Add items behind all others. They are returned as they are kept: an id that the conversation has already is
    another. None when the conversation is gone. Whoever else adds waits, so what is added together stays together.

    `users` are those whom the items are about.
    """
    with transaction.atomic():
        row: Conversation | None = Conversation.objects.select_for_update().filter(pk=conversation_id).first()
        if row is None:
            return None
        ids = [item["id"] for item in items]
        taken = set(row.items.filter(item_id__in=ids).values_list("item_id", flat=True))
        kept = [without_kept(item) for item in with_distinct_ids(items, uuid7(), taken)]
        rows = (
            ConversationItem(conversation=row, position=place, item_id=item["id"], item=item)
            for place, item in enumerate(kept, row.item_count + 1)
        )
        ConversationItem.objects.bulk_create(rows, batch_size=_AT_ONCE)
        row.item_count += len(kept)
        row.users = [*row.users, *sorted(set(users) - set(row.users))]
        row.changed_at = DatabaseNow()
        row.save(update_fields=["item_count", "users", "changed_at"])
    return kept


def add_turn(conversation_id: UUID, asked: Sequence[Item], body: Mapping[str, Json]) -> None:
    """Add what a response was asked and has answered, if it came to an end of its own."""
    if body["status"] not in _ADDED:
        return
    named = [body.get("user"), (body.get("metadata") or {}).get("user_id")]
    users = {str(user_id) for name in named if isinstance(name, str) and (user_id := as_uuid(name)) is not None}
    add_items(conversation_id, [*asked, *body["output"]], users=users)


def list_items(conversation: Conversation, page: PageQuery, include: Collection[str]) -> dict[str, Json]:
    """The page a query string asks for. It has fewer items than were asked for where they would be too much.

    Raises:
        NotFound: there is no item with the id in `after`.
    """
    of: dict[str, Any] = {"id": conversation.pk, "limit": page.limit, "page": page.most_bytes, "behind": None}
    with connection.cursor() as cursor:
        if page.after:
            cursor.execute(_PLACE, {**of, "after": page.after})
            of["behind"] = next((place for (place,) in cursor.fetchall()), None)
            if of["behind"] is None:
                raise item_not_found(page.after)
        cursor.execute(_RISING if page.is_rising else _FALLING, of)
        return page_of([item for (item,) in cursor.fetchall()], include)


def get_item(conversation: Conversation, item_id: str) -> Item:
    """The item with this id.

    Raises:
        NotFound
    """
    row = conversation.items.filter(item_id=item_id).first()
    if row is None:
        raise item_not_found(item_id)
    found: Item = row.item
    return found


def delete_item(conversation: Conversation, item_id: str) -> None:
    """Take an item out.

    Raises:
        NotFound
    """
    with transaction.atomic():
        if not conversation.items.filter(item_id=item_id).delete()[0]:
            raise item_not_found(item_id)
        record(conversation.developer_id, Act(Verb.CLEAR, ObjectKind.CONVERSATION, conversation.pk))


def find_items(developer: Developer, conversation_id: UUID | None, item_ids: Collection[str]) -> dict[str, Item]:
    """Those of the conversation, if there is one, that have these ids."""
    if conversation_id is None:
        return {}
    mine = Conversation.objects.for_developer(developer).filter(pk=conversation_id)
    rows = ConversationItem.objects.filter(conversation__in=mine, item_id__in=item_ids)
    return {row.item_id: row.item for row in rows}
