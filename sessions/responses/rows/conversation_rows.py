"""Conversations: begun, changed and removed. The audit log knows that, and nothing of what they hold."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import NotFound
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json
from sessions.responses.models import Conversation
from sessions.responses.rows.chain import resolve_references
from sessions.responses.rows.conversation_items import add_items, find_items
from sessions.responses.wire.ids import parse_conversation_reference
from sessions.responses.wire.items import Item, read_items

MOST_ADDED = 20
UNKNOWN = "Provided conversation id does not exist"


def get_conversation(developer: Developer, reference: str) -> Conversation:
    """The conversation with this id.

    Raises:
        NotFound
    """
    conversation_id = parse_conversation_reference(reference)
    row = None if conversation_id is None else find_conversation(developer, conversation_id)
    if row is None:
        raise NotFound(UNKNOWN)
    return row


def find_conversation(developer: Developer, conversation_id: UUID) -> Conversation | None:
    """The same, by the id of its row."""
    row: Conversation | None = Conversation.objects.for_developer(developer).filter(pk=conversation_id).first()
    return row


def create_conversation(developer: Developer, metadata: Mapping[str, Json], sent: Json) -> Conversation:
    """Begin one, with the items that were sent.

    Raises:
        InvalidInput: an item is not of a known form.
        NotFound: there is no item with an id that is referred to.
    """
    items = _read(developer, sent) if sent else []
    with transaction.atomic():
        row: Conversation = Conversation.objects.create(developer=developer, metadata=dict(metadata))
        record(developer.pk, Act(Verb.CREATE, ObjectKind.CONVERSATION, row.pk))
        if items:
            add_items(row.pk, items)
    return row


def add_sent_items(developer: Developer, conversation: Conversation, sent: Json) -> list[Item]:
    """Add items behind all others; they are returned as they are kept.

    Raises:
        InvalidInput, NotFound: as `create_conversation`; or the conversation was removed meanwhile.
    """
    added = add_items(conversation.pk, _read(developer, sent, conversation.pk))
    if added is None:
        raise NotFound(UNKNOWN)
    return added


def _read(developer: Developer, sent: Json, conversation_id: UUID | None = None) -> list[Item]:
    items = read_items(sent, uuid7(), at="items", most=MOST_ADDED)
    return resolve_references(developer, items, partial(find_items, developer, conversation_id), field="items")


def change_conversation(developer: Developer, reference: str, metadata: Mapping[str, Json]) -> Conversation:
    """Give it other metadata.

    Raises:
        NotFound
    """
    with transaction.atomic():
        row = get_conversation(developer, reference)
        row.metadata, row.changed_at = dict(metadata), DatabaseNow()
        row.save(update_fields=["metadata", "changed_at"])
        record(developer.pk, Act(Verb.UPDATE, ObjectKind.CONVERSATION, row.pk))
    return row


def delete_conversation(developer: Developer, reference: str) -> Conversation:
    """Remove it with its items. Responses that were made in it stay.

    Raises:
        NotFound
    """
    with transaction.atomic():
        row = get_conversation(developer, reference)
        if not Conversation.objects.filter(pk=row.pk).delete()[0]:
            raise NotFound(UNKNOWN)
        record(developer.pk, Act(Verb.DELETE, ObjectKind.CONVERSATION, row.pk))
    return row
