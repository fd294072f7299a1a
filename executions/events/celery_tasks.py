"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from executions.engine.dispatch import HAND_OUT, LOOK, dispatcher
from executions.events import handing_out


@shared_task(name=HAND_OUT)
def hand_out(event_id: str) -> None:
    """Let waits take an event."""
    handing_out.hand_out(UUID(event_id), dispatcher())


@shared_task(name=LOOK)
def look(wait_id: str) -> None:
    """Let a wait take an event that was recorded before it."""
    handing_out.look(UUID(wait_id), dispatcher())
