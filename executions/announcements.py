"""Tells event streams that a run has news. Losing an announcement costs a stream one poll interval."""

from uuid import UUID

from julep_project.core.live import events


def topic(execution_id: UUID) -> str:
    """The topic a stream of this execution listens to."""
    return f"execution:{execution_id}"


def announce(execution_id: UUID) -> None:
    """Say that the execution changed. Call after commit."""
    events.publish(topic(execution_id))
