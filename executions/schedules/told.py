"""What webhooks are told of schedules: the one place where it is."""

import logging
from typing import Any

from agents.webhooks.recording import record
from agents.webhooks.types import EventType
from executions.schedules.models import Schedule

log = logging.getLogger(__name__)


def tell(event: EventType, schedule: Schedule, **data: Any) -> None:
    """Say that something happened to a schedule. Call it in the transaction in which it does."""
    log.info("schedule event", extra={"event": event.value, "schedule_id": schedule.pk, **data})
    record(schedule.developer_id, event, schedule.pk, {"id": str(schedule.pk), "name": schedule.name, **data})
