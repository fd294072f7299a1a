"""What system tools may do with events."""

from typing import Any

from agents.spending.attribution import current_attribution
from agents.tools.system import SystemCall, operation
from executions.events.api import EventBody
from executions.events.models import EventSource
from executions.events.recording import NewEvent, count_event, get_event, list_events, record_event
from executions.events.wire import event_to_wire
from julep_project.core.actor import ActorKind, current_actor

Json = dict[str, Any]


@operation("event.create", body=EventBody)
def create_event(call: SystemCall) -> Json:
    """Record an event. Runs that wait for one of this name, with such data, go on with it."""
    new = EventBody.new_event(call.arguments)
    count_event(call.developer)
    # A call that is made again records nothing twice.
    once = NewEvent(new.name, new.data, new.key or call.idempotency_key)
    source, source_id = _source()
    recorded = record_event(developer=call.developer, new=once, source=source, source_id=source_id)
    return event_to_wire(recorded.event)


def _source() -> tuple[EventSource, str]:
    """The run whose step makes the call, or else the session whose model does."""
    actor, session_id = current_actor(), current_attribution().session_id
    if actor.kind is ActorKind.RUN or session_id is None:
        return EventSource.STEP, actor.id
    return EventSource.SESSION, str(session_id)


@operation("event.list", page=100)
def list_all_events(call: SystemCall) -> list[Json]:
    """List events that are kept, the newest first."""
    page = call.paging(max_limit=100)
    return [event_to_wire(event) for event in page.apply(list_events(call.developer))]


@operation("event.get", ids="event_id")
def get_one_event(call: SystemCall) -> Json:
    """Get one event."""
    return event_to_wire(get_event(call.developer, call.id("event_id")))
