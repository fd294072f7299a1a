"""`/conversations`: threads of items that responses continue and add to."""

from typing import Any

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet
from julep_project.core.json_value import Json
from sessions.responses.api.item_answers import ItemAnswer
from sessions.responses.api.queries import INCLUDE, PAGE, read_include
from sessions.responses.api.serializers import (
    ConversationAnswer,
    ConversationBody,
    ConversationChanges,
    ConversationDeleted,
    ConversationItemsBody,
    ItemListAnswer,
    conversation_to_wire,
)
from sessions.responses.models import Conversation
from sessions.responses.rows import conversation_items as items_of
from sessions.responses.rows import conversation_rows as rows
from sessions.responses.rows.listing import read_page
from sessions.responses.wire.ids import conversation_reference
from sessions.responses.wire.shown import shown_item

# The framework takes what a list answers with for one of its rows.
_LIST = forced_singular_serializer(ItemListAnswer)  # type: ignore[no-untyped-call]


class ConversationViewSet(ApiViewSet):
    """`/conversations` and `/conversations/{reference}`."""

    resource = "Conversation"

    @extend_schema(operation_id="conversation_create", request=ConversationBody, responses={200: ConversationAnswer})
    def create(self, request: Request) -> Response:
        """Begin a conversation, with items or without."""
        values = ConversationBody.read(request.data)
        row = rows.create_conversation(self.developer, values.get("metadata") or {}, values.get("items") or [])
        return Response(conversation_to_wire(row))

    @extend_schema(operation_id="conversation_retrieve", responses=ConversationAnswer)
    def retrieve(self, request: Request, reference: str) -> Response:
        """One conversation; what was said in it are its items."""
        return Response(conversation_to_wire(rows.get_conversation(self.developer, reference)))

    @extend_schema(operation_id="conversation_update", request=ConversationChanges, responses={200: ConversationAnswer})
    def create_or_update(self, request: Request, reference: str) -> Response:
        """Give a conversation other metadata."""
        metadata = ConversationChanges.read(request.data)["metadata"] or {}
        return Response(conversation_to_wire(rows.change_conversation(self.developer, reference, metadata)))

    @extend_schema(operation_id="conversation_delete", request=None, responses={200: ConversationDeleted})
    def destroy(self, request: Request, reference: str) -> Response:
        """Remove a conversation with its items. Responses that were made in it stay."""
        row = rows.delete_conversation(self.developer, reference)
        return Response({"id": conversation_reference(row.pk), "object": "conversation.deleted", "deleted": True})


class ConversationItemViewSet(ApiViewSet):
    """`/conversations/{reference}/items` and `/conversations/{reference}/items/{item}`."""

    resource = "Item"

    @takes(*PAGE, *INCLUDE)
    @extend_schema(operation_id="conversation_item_list", responses={200: _LIST})
    def list(self, request: Request, reference: str) -> Response:
        """What was said, the newest first unless `order` says otherwise."""
        page, include = read_page(request.query_params.dict()), read_include(request.query_params)
        return Response(_as_list(items_of.list_items(self._conversation(reference), page, include)))

    @takes(*INCLUDE)
    @extend_schema(
        operation_id="conversation_item_create",
        request=ConversationItemsBody,
        responses={200: ItemListAnswer},
    )
    def create(self, request: Request, reference: str) -> Response:
        """Add items behind all others, without asking a model."""
        given, include = ConversationItemsBody.read(request.data)["items"], read_include(request.query_params)
        added = rows.add_sent_items(self.developer, self._conversation(reference), given)
        page = [shown_item(item, include) for item in added]
        told = {"object": "list", "data": page, "first_id": page[0]["id"], "last_id": page[-1]["id"]}
        return Response({**told, "has_more": False})

    @takes(*INCLUDE)
    @extend_schema(operation_id="conversation_item_retrieve", responses={200: ItemAnswer()})
    def retrieve(self, request: Request, reference: str, item: str) -> Response:
        """One item."""
        found = items_of.get_item(self._conversation(reference), item)
        return Response(shown_item(found, read_include(request.query_params)))

    @extend_schema(operation_id="conversation_item_delete", request=None, responses={200: ConversationAnswer})
    def destroy(self, request: Request, reference: str, item: str) -> Response:
        """Take an item out of a conversation."""
        conversation = self._conversation(reference)
        items_of.delete_item(conversation, item)
        return Response(conversation_to_wire(conversation))

    def _conversation(self, reference: str) -> Conversation:
        return rows.get_conversation(self.developer, reference)


def _as_list(page: dict[str, Json]) -> dict[str, Any]:
    """The page; where it is empty its ends are, too."""
    return {**page, "first_id": page["first_id"] or "", "last_id": page["last_id"] or ""}
