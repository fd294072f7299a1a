"""Bodies and answers of the conversations API."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Answer, Body, DictOf, Example, JsonObject, ListOf, Text
from julep_project.core.reading.surface import Surface
from sessions.responses.api.item_answers import ItemAnswer
from sessions.responses.models import Conversation
from sessions.responses.rows.conversation_rows import MOST_ADDED
from sessions.responses.wire.ids import conversation_reference
from sessions.responses.wire.parameters import CONVERSATION_CHANGES, CONVERSATION_ITEMS, CONVERSATIONS

_MOST_PAIRS = 16
_LONGEST_KEY = 64
_LONGEST_VALUE = 512


class Metadata(DictOf):
    """Up to 16 texts under names."""

    child = Text(max_length=_LONGEST_VALUE)
    max_length = _MOST_PAIRS

    def to_internal_value(self, data: Json) -> dict[str, Any]:
        if isinstance(data, Mapping):
            if len(data) > _MOST_PAIRS:
                raise serializers.ValidationError("", code="too_long")
            for name in data:
                if len(name) > _LONGEST_KEY:
                    text = f"The name has more than {_LONGEST_KEY} characters"
                    raise serializers.ValidationError({name[:_LONGEST_KEY]: text}, code="value_error")
        return super().to_internal_value(data)


class ConversationBody(Body):
    """What a conversation begins with; the items are read beside it."""

    surface: ClassVar[Surface | None] = CONVERSATIONS
    example = Example(items=[{"role": "user", "content": "When is high tide?"}], metadata={"topic": "tides"})

    items = ListOf(child=JsonObject(), required=False, max_length=MOST_ADDED)
    metadata = Metadata(required=False)


class ConversationChanges(Body):
    """Other metadata."""

    surface: ClassVar[Surface | None] = CONVERSATION_CHANGES
    example = Example(metadata={"topic": "tides"})

    metadata = Metadata(allow_null=True)


class ConversationItemsBody(Body):
    """Items to be added, which are read beside it."""

    surface: ClassVar[Surface | None] = CONVERSATION_ITEMS
    example = Example(items=[{"role": "assistant", "content": "At noon."}])

    items = ListOf(child=JsonObject(), min_length=1, max_length=MOST_ADDED)


class ConversationAnswer(Answer):
    """A conversation as it is answered."""

    id = Text()
    object = serializers.ChoiceField(["conversation"])
    created_at = serializers.IntegerField()
    metadata = JsonObject()


class ConversationDeleted(Answer):
    """What is answered when it is removed."""

    id = Text()
    object = serializers.ChoiceField(["conversation.deleted"])
    deleted = serializers.BooleanField()


class ItemListAnswer(Answer):
    """A page of items."""

    object = serializers.ChoiceField(["list"])
    data = ItemAnswer(many=True)
    first_id = Text()
    last_id = Text()
    has_more = serializers.BooleanField()


def conversation_to_wire(row: Conversation) -> dict[str, Json]:
    return {
        "id": conversation_reference(row.pk),
        "object": "conversation",
        "created_at": int(row.created_at.timestamp()),
        "metadata": row.metadata,
    }
