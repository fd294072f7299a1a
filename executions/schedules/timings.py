"""The times of a schedule as its row has them."""

from django.conf import settings

from executions.schedules.models import Schedule
from executions.schedules.times.errors import TimesRefused
from executions.schedules.times.timing import Timing, read_timing
from executions.schedules.times.zones import check_zone
from julep_project.core.errors import InvalidInput
from julep_project.core.reading.validation import problem


def timing_of(schedule: Schedule) -> Timing:
    """What the row says of times. It was checked when it was stored, by the rules of then: a smaller bound of settings
    means nothing, nor does the name of a zone that is refused now.

    Raises:
        InvalidInput: nobody can read it here, as where the machine does not have its zone.
    """
    bound = min(settings.SCHEDULE_MIN_SECONDS, int(schedule.timing.get("every") or settings.SCHEDULE_MIN_SECONDS))
    return _read(schedule, shortest_s=bound)


def checked_timing(schedule: Schedule) -> Timing:
    """What the row is about to say of times.

    Raises:
        InvalidInput
    """
    return _read(schedule, shortest_s=settings.SCHEDULE_MIN_SECONDS, is_new=True)


def _read(schedule: Schedule, *, shortest_s: int, is_new: bool = False) -> Timing:
    said = schedule.timing
    try:
        if is_new:
            check_zone(said.get("timezone") or "UTC")
        return read_timing(said, shortest_s=shortest_s, starts_at=schedule.starts_at, ends_at=schedule.ends_at)
    except TimesRefused as error:
        raise InvalidInput([problem([error.field], "value_error", msg=error.message)]) from None
