"""What a schedule says of its times, as clients say it, as it is stored, and as an order of moments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from executions.schedules.times.cron import Cron, read_cron
from executions.schedules.times.errors import TimesRefused
from executions.schedules.times.rules import Every, Listed
from executions.schedules.times.zones import moment_of, read_zone

KINDS = ("cron", "every", "once", "calendar")
MOST_LISTED = 1000
_LONGEST_EVERY_S = 366 * 86_400
_LONGEST_TIME = 40
# Beyond them, sums of moments and offsets leave the calendar of the language.
FIRST_YEAR, _LAST_YEAR = 1970, 2200


@dataclass(frozen=True)
class Timing:
    """The times of a schedule: those of its rule from `starts_at` on, and before `ends_at`."""

    rule: Cron | Every | Listed
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times behind a moment, each once and in order. Each takes a bounded amount of work, and the next is only
        looked for when it is asked for."""
        if self.starts_at is not None and self.starts_at > moment:
            moment = self.starts_at - datetime.resolution
        for found in self.rule.after(moment):
            if self.ends_at is not None and found >= self.ends_at:
                return
            yield found

    def next_after(self, moment: datetime) -> datetime | None:
        return next(self.after(moment), None)


def read_timing(
    said: Mapping[str, Any], *, shortest_s: int, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> Timing:
    """What is said under `cron`, `every`, `once` or `calendar` (one of them), `time` and `timezone`; `every` is counted
    from `anchor` on. Nothing may fire more often than every `shortest_s`, a cron text apart.

    Raises:
        TimesRefused
    """
    given = [kind for kind in KINDS if said.get(kind) is not None]
    if len(given) != 1:
        named = " and ".join(given) or "none"
        raise TimesRefused(given[-1] if given else "cron", f"give one of {', '.join(KINDS)}; here is {named}")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise TimesRefused("ends_at", "it ends before it starts")
    for field, moment in (("starts_at", starts_at), ("ends_at", ends_at)):
        if moment is not None:
            _check_year(moment, field)
    if said.get("time") is not None and given != ["calendar"]:
        raise TimesRefused("time", "a time of the day belongs to the days of a calendar")
    return Timing(_rule(given[0], said, shortest_s), starts_at, ends_at)


def _rule(kind: str, said: Mapping[str, Any], shortest_s: int) -> Cron | Every | Listed:
    zone = read_zone(said.get("timezone") or "UTC")
    match kind:
        case "cron":
            return _cron(str(said["cron"]), zone)
        case "every":
            return _every(int(said["every"]), datetime.fromisoformat(said["anchor"]), shortest_s)
        case "once":
            return Listed((_moment(said["once"], zone, "once"),))
    return Listed(_calendar(said["calendar"], said.get("time"), zone))


# Compiling a text anew for each of many schedules that say the same would cost more than all else of them.
_cron = lru_cache(maxsize=1024)(read_cron)


def _every(seconds: int, anchor: datetime, shortest_s: int) -> Every:
    if not shortest_s <= seconds <= _LONGEST_EVERY_S:
        raise TimesRefused("every", f"from {shortest_s} seconds (setting SCHEDULE_MIN_SECONDS) to a year")
    return Every(seconds, anchor)


def _calendar(listed: Sequence[str], at: str | None, zone: ZoneInfo) -> tuple[datetime, ...]:
    if not 1 <= len(listed) <= MOST_LISTED:
        raise TimesRefused("calendar", f"a calendar lists from 1 to {MOST_LISTED} times")
    of_day = None if at is None else _time_of_day(at)
    moments = (_listed(text, of_day, zone, f"calendar[{place}]") for place, text in enumerate(listed))
    return tuple(sorted(set(moments)))


def _listed(text: str, of_day: time | None, zone: ZoneInfo, field: str) -> datetime:
    if "T" in text.upper() or " " in text.strip():
        return _moment(text, zone, field)
    try:
        day = date.fromisoformat(text.strip()[:_LONGEST_TIME])
    except ValueError:
        raise TimesRefused(field, "write a day as 2026-12-24, or with its time as 2026-12-24T18:00") from None
    if of_day is None:
        raise TimesRefused(field, "a day needs a time of the day: give `time`, such as 18:00")
    return moment_of(_check_year(datetime.combine(day, of_day), field), zone)


def _time_of_day(text: str) -> time:
    try:
        found = time.fromisoformat(text.strip()[:_LONGEST_TIME])
    except ValueError:
        raise TimesRefused("time", "write a time of the day as 18:00") from None
    if found.tzinfo is not None:
        raise TimesRefused("time", "a time of the day has no offset: it is that of `timezone`")
    return found.replace(microsecond=0)


def _moment(text: str, zone: ZoneInfo, field: str) -> datetime:
    """A time with an offset is that moment; one without is what the zone's clock shows."""
    try:
        found = datetime.fromisoformat(text.strip()[:_LONGEST_TIME]).replace(microsecond=0)
    except ValueError:
        raise TimesRefused(field, "write a time as 2026-12-24T18:00, or with an offset, as ...T18:00Z") from None
    _check_year(found, field)
    return found.astimezone(UTC) if found.tzinfo is not None else moment_of(found, zone)


def _check_year(moment: datetime, field: str) -> datetime:
    if not FIRST_YEAR < moment.year < _LAST_YEAR:
        raise TimesRefused(field, f"years lie between {FIRST_YEAR} and {_LAST_YEAR}")
    return moment
