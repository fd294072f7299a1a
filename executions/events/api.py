"""`/events`: named facts that runs wait for."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from executions.events.models import EventSource, EventState
from executions.events.recording import NewEvent, count_event, get_event, list_events, record_event
from executions.events.wire import event_to_wire
from julep_project.core.actor import current_actor
from julep_project.core.api.api_schema import created_of, describe
from julep_project.core.api.query import choice_in
from julep_project.core.api.views import ApiViewSet, created
from julep_project.core.errors import BadRequest
from julep_project.core.reading.fields import Answer, Example, JsonObject, Pattern, StrictBody, Text, Timestamp
from tasks.steps.event_names import EVENT_NAME, LONGEST_EVENT_KEY, LONGEST_EVENT_NAME


class EventBody(StrictBody):
    """A new event."""

    example = Example(name="order.paid", data={"order": "4711", "amount": 274}, key="payment-9313")

    name = Pattern(f"^{EVENT_NAME}$", max_length=LONGEST_EVENT_NAME, help_text="dotted words")
    data = JsonObject(required=False, help_text="what waits look at")  # type: ignore[assignment]  # a field
    key = Text(
        required=False,
        min_length=1,
        max_length=LONGEST_EVENT_KEY,
        help_text="what makes it one event, however often it is recorded under this name",
    )

    @classmethod
    def new_event(cls, data: Any) -> NewEvent:
        values = cls.read(data)
        return NewEvent(values["name"], values.get("data") or {}, values.get("key"))


class EventSourceAnswer(Answer):
    """Who recorded an event."""

    type = serializers.ChoiceField(choices=EventSource.choices)
    id = Text(help_text="the key, the hook, the execution or the session")


class EventAnswer(Answer):
    """An event as it is answered."""

    id = serializers.UUIDField()
    name = Text()
    data = JsonObject()  # type: ignore[assignment]  # a field
    key = Text(allow_null=True)
    source = EventSourceAnswer()  # type: ignore[assignment]  # a field
    state = serializers.ChoiceField(choices=EventState.choices)
    created_at = Timestamp()
    kept_until = Timestamp()


_FILTERS = (
    OpenApiParameter("name", str, description="of events of this name"),
    OpenApiParameter("key", str, description="of the event with this key; with `name`"),
    OpenApiParameter("state", enum=list(EventState.values), description="that stand so"),
)


@describe(
    "event",
    body=EventBody,
    answer=EventAnswer,
    is_sorted=False,
    query=_FILTERS,
    answers={"create": {201: created_of(EventAnswer), 200: EventAnswer}},
)
class EventViewSet(ApiViewSet):
    """`/events` and `/events/{id}`."""

    resource = "Event"

    def list(self, request: Request) -> Response:
        """Events that are kept, the newest first."""
        query = request.query_params
        if "key" in query and "name" not in query:
            raise BadRequest("`key` is of events of one name: give `name` as well")
        rows = list_events(self.developer, name=query.get("name"), key=query.get("key"))
        state = choice_in(query, "state", EventState.values)
        return self.page(rows.filter(state=state) if state else rows, event_to_wire)

    def create(self, request: Request) -> Response:
        """Record an event. One whose key is recorded already is answered with 200, as it was then."""
        count_event(self.developer)
        new = EventBody.new_event(request.data)
        source_id = current_actor().id
        recorded = record_event(developer=self.developer, new=new, source=EventSource.CLIENT, source_id=source_id)
        told = event_to_wire(recorded.event)
        return created(told) if recorded.is_new else Response(told)

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One event."""
        return Response(event_to_wire(get_event(self.developer, id)))
