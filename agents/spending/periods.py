"""Days and months of UTC."""

from datetime import UTC, date, datetime, time, timedelta

from agents.spending.models import LimitPeriod
from julep_project.core.clock import now

_EPOCH = date(1970, 1, 1)


def today() -> date:
    """The day by this machine's clock."""
    return now().date()


def bounds(period: str, day: date) -> tuple[date, date | None]:
    """The first day of the period that a day is in, and the first one after it."""
    if period == LimitPeriod.DAY:
        return day, day + timedelta(days=1)
    if period == LimitPeriod.MONTH:
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return _EPOCH, None


def midnight(day: date) -> datetime:
    """The moment a day begins."""
    return datetime.combine(day, time(), UTC)
