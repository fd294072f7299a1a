"""The times of a schedule as its row has them."""

from django.conf import settings

from executions.schedules.models import Schedule
from executions.schedules.times.timing import Timing, read_timing


def timing_of(schedule: Schedule) -> Timing:
    """What the row says of times. It was checked when it was stored, so a smaller bound of settings means nothing."""
    bound = min(settings.SCHEDULE_MIN_SECONDS, int(schedule.timing.get("every") or settings.SCHEDULE_MIN_SECONDS))
    return read_timing(schedule.timing, shortest_s=bound, starts_at=schedule.starts_at, ends_at=schedule.ends_at)
