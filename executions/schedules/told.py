"""What webhooks are told of schedules: the one place where it is."""

import logging
from collections.abc import Mapping, Sequence

from agents.webhooks.recording import record_each
from agents.webhooks.types import EventType
from executions.schedules.models import Schedule

log = logging.getLogger(__name__)

Told = tuple[EventType, Schedule, Mapping[str, str]]


def tell_each(told: Sequence[Told]) -> None:
    """Say in one statement what happened to schedules, in this order. Call it in the transaction in which it does."""
    for event, schedule, data in told:
        log.info("schedule event", extra={"event": event.value, "schedule_id": schedule.pk, **data})
    record_each(
        (each.developer_id, event, each.pk, {"id": str(each.pk), "name": each.name, **data})
        for event, each, data in told
    )
