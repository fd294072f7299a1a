"""Celery tasks. Each calls one function."""

from uuid import UUID

from celery import shared_task

from executions.schedules import messages
from executions.schedules.ticking import tick as ticking


@shared_task(name=ticking.TASK)
def tick() -> None:
    """Decide about schedules whose time has come."""
    ticking.tick()


@shared_task(name=messages.TASK)
def send_message(occurrence_id: str) -> None:
    """Send the message of an occurrence to its session."""
    messages.send_message(UUID(occurrence_id))
