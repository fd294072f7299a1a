"""What the world may want to hear of schedules: the one place where it is told."""

import logging
from typing import Any

from executions.schedules.models import Schedule

log = logging.getLogger(__name__)

PAUSED, SKIPPED, FAILED = "schedule.paused", "schedule.skipped", "schedule.failed"


def tell(event: str, schedule: Schedule, **data: Any) -> None:
    """Say that something happened to a schedule. Call it in the transaction in which it does."""
    log.info("schedule event", extra={"event": event, "schedule_id": schedule.pk, **data})
