"""Cron texts of five fields, in a time zone, with the rules of Debian's cron where a clock is put forward or back.

A text whose minute or hour begins with `*` means the clock on the wall: it fires wherever that shows such a time, so
not in an hour that is left out, and twice in one that comes twice. Any other means a time of the day: if that is left
out it fires right behind the gap, and if it comes twice, the first time only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from executions.schedules.times.errors import TimesRefused
from executions.schedules.times.zones import change_between, local_at, moment_of, offset_at

LONGEST_TEXT = 200
_FIELDS = 5
_AN_EXAMPLE = "such as '0 9 * * 1-5' for nine o'clock on working days"
# Clocks are put forward or back less often, and never by more than half of it.
_NEAR = timedelta(days=2)
_BEFORE = datetime(2024, 1, 1)


@dataclass(frozen=True)
class Cron:
    """Times by a cron text: minute, hour, day of the month, month, day of the week."""

    text: str
    zone: ZoneInfo

    @cached_property
    def is_by_wall(self) -> bool:
        minute, hour, *_ = self.text.split()
        return minute.startswith("*") or hour.startswith("*")

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times behind a moment, each once and in order. It ends when there is none for fifty years."""
        last = moment
        for found in self._on_wall(moment) if self.is_by_wall else self._of_day(moment):
            # Two times of the day that are left out both come right behind the gap.
            if found > last:
                yield found
                last = found

    def _of_day(self, moment: datetime) -> Iterator[datetime]:
        for local in _locals(self.text, local_at(moment, self.zone)):
            yield moment_of(local, self.zone)

    def _on_wall(self, moment: datetime) -> Iterator[datetime]:
        """From one change of the offset to the next, in each of which moments and what the clock shows go together."""
        at = moment
        while True:
            offset = offset_at(at, self.zone)
            # What the clock shows just now counts only behind a change.
            start = at if at == moment else at - timedelta(seconds=1)
            changed_at = None
            for local in _locals(self.text, _naive(start) + offset):
                found = (local - offset).replace(tzinfo=moment.tzinfo)
                if found - at > _NEAR:
                    # Nothing is shown until then, whatever changes meanwhile.
                    changed_at = found - _NEAR
                    break
                if offset_at(found, self.zone) != offset:
                    changed_at = change_between(at, found, self.zone)
                    break
                yield found
                at = found
            if changed_at is None:
                return
            at = changed_at


def read_cron(text: str, zone: ZoneInfo) -> Cron:
    """What a text says.

    Raises:
        TimesRefused: it is no cron text of five fields, or never fires.
    """
    fields = text.split()
    if len(text) > LONGEST_TEXT:
        raise TimesRefused("cron", f"a cron text has at most {LONGEST_TEXT} characters")
    if len(fields) != _FIELDS:
        names = "minute, hour, day of the month, month and day of the week"
        raise TimesRefused("cron", f"a cron text has five fields ({names}), {_AN_EXAMPLE}; here are {len(fields)}")
    try:
        CronSim(" ".join(fields), _BEFORE)
    except (CronSimError, AssertionError, ValueError, TypeError) as error:
        raise TimesRefused("cron", _told(fields, error)) from None
    cron = Cron(" ".join(fields), zone)
    if not list(islice(_locals(cron.text, _BEFORE), 1)):
        raise TimesRefused("cron", "no day of the next fifty years is meant by this text")
    return cron


_NAMES = {"minute": 0, "hour": 1, "day-of-month": 2, "month": 3, "day-of-week": 4}


def _told(fields: list[str], error: Exception) -> str:
    """Which field is wrong, if the library says so."""
    name = str(error).removeprefix("Bad ")
    if name not in _NAMES:
        return f"this is no cron text, {_AN_EXAMPLE}"
    return f"the field for the {name.replace('-', ' ')} cannot be {fields[_NAMES[name]]!r}"


def _locals(text: str, after: datetime) -> Iterator[datetime]:
    """What the wall clock shows at such times, in order, as if it were never put forward or back."""
    try:
        yield from CronSim(text, after)
    except OverflowError:
        # The calendar of the language ends.
        return


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
