"""Events as others see them."""

from typing import Any

from executions.events.models import Event
from julep_project.core.clock import to_wire


def event_output(event: Event) -> dict[str, Any]:
    """What a step that took or recorded it outputs."""
    return {
        "id": str(event.pk),
        "name": event.name,
        "data": event.data,
        "key": event.key,
        "created_at": to_wire(event.created_at),
    }


def event_to_wire(event: Event) -> dict[str, Any]:
    """As the API shows it."""
    source = {"type": event.source, "id": event.source_id}
    return {**event_output(event), "source": source, "state": event.state, "kept_until": to_wire(event.kept_until)}
