"""Between the clock on the wall of a zone and the moment it shows."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from executions.schedules.times.errors import TimesRefused

_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")
# Files beside those of the database: what they say is up to each machine.
_OF_MACHINES = {"localtime", "posixrules", "Factory"}
_EXACT = timedelta(seconds=1)
# No zone has ever left out or repeated more than a day.
_MOST_SHIFT = timedelta(days=1)


def read_zone(name: str) -> ZoneInfo:
    """A zone by its name, as far as this machine has it.

    Raises:
        TimesRefused
    """
    try:
        if not _NAME.fullmatch(name):
            raise ValueError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _refused(name) from None


def check_zone(name: str) -> None:
    """Return if it is the name of a zone in the IANA database.

    Raises:
        TimesRefused
    """
    if name not in _names():
        raise _refused(name)


def _refused(name: str) -> TimesRefused:
    fix = "write one of the IANA database, such as Europe/Berlin or UTC"
    return TimesRefused("timezone", f"there is no time zone {name[:64]!r}; {fix}")


@cache
def _names() -> frozenset[str]:
    """Those that mean the same everywhere, and are everywhere."""
    return frozenset(available_timezones() - _OF_MACHINES)


def local_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the wall clock shows at a moment, without the zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def offset_at(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far ahead of UTC the zone's clock is at a moment."""
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


def moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """When the wall clock shows this: the first time where it does so twice; where it is left out, the first moment
    behind what is left out."""
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if local_at(moment, zone) == local:
        return moment
    return change_between(moment - _MOST_SHIFT, moment + _MOST_SHIFT, zone, behind=local)


def change_between(since: datetime, until: datetime, zone: ZoneInfo, *, behind: datetime | None = None) -> datetime:
    """The moment in between from which on the zone has another offset than at `since`; with `behind`, from which on its
    clock shows more than that."""
    offset = offset_at(since, zone)

    def is_past(moment: datetime) -> bool:
        if behind is not None:
            return local_at(moment, zone) > behind
        return offset_at(moment, zone) != offset

    while until - since > _EXACT:
        middle = since + (until - since) // 2
        since, until = (since, middle) if is_past(middle) else (middle, until)
    return until.replace(microsecond=0)
