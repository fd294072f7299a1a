"""Bodies of `/webhooks`, and what is answered."""

from typing import Any

from rest_framework import serializers

from agents.webhooks.models import ENDED, Delivery, DeliveryState, Endpoint
from agents.webhooks.replaying import Range
from agents.webhooks.types import patterns
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    Answer,
    Example,
    JsonObject,
    ListOf,
    StoredAnswer,
    StrictBody,
    Text,
    Timestamp,
)

_LONGEST_URL = 2048
_LONGEST_DESCRIPTION = 500
_MOST_EVENTS = 50


def _events(**options: Any) -> ListOf:
    text = "types, patterns such as `execution.*`, or `*`"
    child = serializers.ChoiceField(choices=patterns())
    return ListOf(child=child, min_length=1, max_length=_MOST_EVENTS, help_text=text, **options)


class WebhookBody(StrictBody):
    """What a client may set on a webhook."""

    example = Example(url="https://example.com/told", events=["execution.*"], description="Our own server")
    example_of_changes = Example(events=["execution.*", "job.failed"], enabled=True)

    url = Text(min_length=1, max_length=_LONGEST_URL, help_text="where messages are sent")
    events = _events()
    description = Text(required=False, max_length=_LONGEST_DESCRIPTION)
    enabled = serializers.BooleanField(required=False)


class WebhookAnswer(StoredAnswer, WebhookBody):
    """A webhook as it is answered, without its secret."""

    disabled_reason = Text(allow_null=True)
    disabled_at = Timestamp(allow_null=True)
    failures = serializers.IntegerField(help_text="attempts in a row that did not arrive")
    failing_since = Timestamp(allow_null=True)
    is_full = serializers.BooleanField(help_text="too many messages wait: new ones are dropped")
    previous_secret_until = Timestamp(allow_null=True, help_text="until then the secret before signs, too")
    created_by = Text()


class WebhookWithSecretAnswer(WebhookAnswer):
    """A webhook as it is shown once."""

    secret = Text(help_text="what its messages are signed with: it cannot be had again")


class ReplayBody(StrictBody):
    """Which deliveries are sent again."""

    example = Example(since="2026-01-31T12:00:00Z", states=["failed", "dropped"])

    states = ListOf(
        child=serializers.ChoiceField(choices=list(ENDED)),
        required=False,
        min_length=1,
        max_length=len(ENDED),
        help_text="how they have ended; without it, those that failed or were dropped",
    )
    since = Timestamp(required=False)
    until = Timestamp(required=False)

    @classmethod
    def range(cls, data: Any) -> Range:
        """What is meant."""
        return Range(**cls.read(data))


class ReplayAnswer(Answer):
    """What is sent again."""

    replayed = serializers.IntegerField()
    is_more = serializers.BooleanField(help_text="whether there are more than were taken at once: call it again")


class TryAnswer(Answer):
    """One of the last times a message was sent."""

    at = Timestamp()
    took_ms = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    error = Text()


class DeliveryAnswer(Answer):
    """A message on its way to a webhook as it is answered."""

    id = serializers.UUIDField()
    created_at = Timestamp()
    message_id = Text(help_text="`webhook-id`, the same each time it is sent")
    type = Text()
    data = JsonObject()  # type: ignore[assignment]  # a field, not its data
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    tries = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True, help_text="what the receiver answered last")
    error = Text(allow_null=True)
    excerpt = Text(allow_null=True, help_text="how the last answer began")
    next_at = Timestamp(allow_null=True, help_text="when it is sent next")
    ended_at = Timestamp(allow_null=True)
    log = TryAnswer(many=True, help_text="the last tries, the oldest first")


class EventTypeAnswer(Answer):
    """A type of events."""

    type = Text()
    description = Text()


class EventTypesAnswer(Answer):
    """The types of events there are."""

    items = EventTypeAnswer(many=True)


def _moment(value: Any) -> str | None:
    return None if value is None else to_wire(value)


def endpoint_to_wire(row: Endpoint) -> dict[str, Any]:
    names = ("url", "description", "events", "enabled", "failures", "is_full", "created_by")
    return {
        **row_to_wire(row, *names),
        "disabled_reason": row.disabled_reason or None,
        "disabled_at": _moment(row.disabled_at),
        "failing_since": _moment(row.failing_since),
        "previous_secret_until": _moment(row.overlap_until),
    }


def delivery_to_wire(row: Delivery) -> dict[str, Any]:
    """A delivery with its message."""
    return {
        "id": str(row.pk),
        "created_at": to_wire(row.created_at),
        "message_id": row.message.reference,
        "type": row.message.type,
        "data": row.message.data,
        "state": row.state,
        "tries": row.tries,
        "status": row.status,
        "error": row.error or None,
        "excerpt": row.excerpt or None,
        "next_at": to_wire(row.due_at) if row.state == DeliveryState.PENDING else None,
        "ended_at": _moment(row.ended_at),
        "log": row.log,
    }
