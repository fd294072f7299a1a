"""When schedules fire, against a naive reading of the clock on the wall."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, product, takewhile
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from executions.schedules.models import Schedule
from executions.schedules.ticking.deciding import times_come
from executions.schedules.times.cron import Cron, read_cron
from executions.schedules.times.errors import TimesRefused
from executions.schedules.times.jitter import due_of
from executions.schedules.times.rules import Every
from executions.schedules.times.timing import Timing, read_timing

BEGIN, END = datetime(2022, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
BEFORE = timedelta(seconds=1)
# Half an hour of summer time, a quarter of offset, clocks put back for Ramadan, the other hemisphere.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
)
# Minutes, hours, days of the month, months, days of the week, as sets; None is `*`.
Fields = tuple[Any, Any, Any, Any, Any]
BY_WALL: dict[str, Fields] = {
    "15 */6 * * *": ({15}, {0, 6, 12, 18}, None, None, None),
    "*/15 4 * * *": (None, {4}, None, None, None),
    "45 */2 1,15 * *": ({45}, set(range(0, 24, 2)), {1, 15}, None, None),
    "*/30 1-3 * 3,4,10,11 0": ({0, 30}, {1, 2, 3}, None, {3, 4, 10, 11}, {0}),
    "0 * 29 2 *": ({0}, None, {29}, {2}, None),
}
OF_DAY: dict[str, Fields] = {
    "0,30 2 * * *": ({0, 30}, {2}, None, None, None),
    "45 1,2,3 * * 0": ({45}, {1, 2, 3}, None, None, {0}),
    "15 2 13 * 5": ({15}, {2}, {13}, None, {5}),
    "15 2 29 2 *": ({15}, {2}, {29}, {2}, None),
}


def _is_day(day: date, fields: Fields) -> bool:
    _, _, days, months, weekdays = fields
    of_month, of_week = days is None or day.day in days, weekdays is None or day.isoweekday() % 7 in weekdays
    is_one = of_month and of_week if days is None or weekdays is None else of_month or of_week
    return is_one and (months is None or day.month in months)


def _wall(zone: ZoneInfo) -> dict[datetime, datetime]:
    """What the clock shows at each quarter of an hour of five years."""
    count = int((END - BEGIN) / QUARTER)
    return {
        moment: moment.astimezone(zone).replace(tzinfo=None) for moment in (BEGIN + QUARTER * n for n in range(count))
    }


def _shown(wall: dict[datetime, datetime], fields: Fields) -> list[datetime]:
    """Every moment at which the clock shows such a time."""
    minutes, hours = fields[:2]
    minutes = set(range(0, 60, 15)) if minutes is None else minutes
    return [
        moment
        for moment, local in wall.items()
        if local.minute in minutes and (hours is None or local.hour in hours) and _is_day(local.date(), fields)
    ]


def _of_days(wall: dict[datetime, datetime], fields: Fields) -> list[datetime]:
    """For each time of a day the first moment at which the clock shows it; one that is left out comes with the first
    moment that shows a later one."""
    first: dict[datetime, datetime] = {}
    for moment, local in wall.items():
        first.setdefault(local, moment)
    found = set()
    day = BEGIN.date() - timedelta(days=1)
    while day <= END.date():
        for hour, minute in product(sorted(fields[1]), sorted(fields[0])) if _is_day(day, fields) else ():
            local = datetime.combine(day, time(hour, minute))
            later = (local + QUARTER * n for n in range(8))
            found.add(next((first[each] for each in later if each in first), None))
        day += timedelta(days=1)
    return sorted(moment for moment in found if moment is not None and BEGIN <= moment < END)


def _until_end(times: Iterator[datetime]) -> list[datetime]:
    return list(takewhile(lambda moment: moment < END, times))


@pytest.mark.parametrize("name", ZONES)
def test_five_years_of_cron_texts_are_what_the_wall_clock_says(name: str) -> None:
    zone = ZoneInfo(name)
    wall = _wall(zone)
    # The first day of the calendar may have been before, where the zone is ahead.
    within = [moment for moment in wall if BEGIN + timedelta(days=1) <= moment]
    for text, fields in {**BY_WALL, **OF_DAY}.items():
        expected = (_shown if text in BY_WALL else _of_days)(wall, fields)
        expected = [moment for moment in expected if moment >= within[0]]
        assert _until_end(read_cron(text, zone).after(within[0] - BEFORE)) == expected, text


@pytest.mark.parametrize("name", ZONES[1:4])
def test_times_are_the_same_from_wherever_one_begins(name: str) -> None:
    """Around a change of the clock, each moment has the same next time as the moments before it say."""
    zone = ZoneInfo(name)
    for text in ("*/30 * * * *", "30 1,2 * * *", "0 2 * * *"):
        cron = read_cron(text, zone)
        for day in (
            date(2026, 3, 8),
            date(2026, 3, 29),
            date(2026, 4, 5),
            date(2026, 10, 4),
            date(2026, 10, 25),
            date(2026, 11, 1),
        ):
            begin = datetime.combine(day, time(), UTC) - timedelta(hours=14)
            times = list(islice(cron.after(begin), 80))
            for at in (begin + timedelta(minutes=10) * n for n in range(150)):
                if at < times[-1]:
                    assert next(cron.after(at)) == min(each for each in times if each > at), (text, at)


class TestClockChanges:
    berlin = ZoneInfo("Europe/Berlin")

    def _first(self, text: str, after: str, count: int) -> list[str]:
        moments = islice(read_cron(text, self.berlin).after(datetime.fromisoformat(after)), count)
        return [moment.astimezone(self.berlin).isoformat(timespec="minutes") for moment in moments]

    def test_a_time_that_is_left_out_comes_right_behind_the_gap_once(self) -> None:
        found = self._first("0,30 2,3 * * *", "2026-03-29T00:00+01:00", 3)
        assert found == ["2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00", "2026-03-30T02:00+02:00"]

    def test_a_time_that_comes_twice_fires_the_first_time(self) -> None:
        found = self._first("30 2 * * *", "2026-10-25T00:00+02:00", 2)
        assert found == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]
        assert self._first("30 2 * * *", "2026-10-25T02:10+01:00", 1) == ["2026-10-26T02:30+01:00"]

    def test_every_half_hour_goes_on_through_both(self) -> None:
        assert self._first("*/30 * * * *", "2026-10-25T02:00+02:00", 4) == [
            "2026-10-25T02:30+02:00",
            "2026-10-25T02:00+01:00",
            "2026-10-25T02:30+01:00",
            "2026-10-25T03:00+01:00",
        ]

    def test_a_day_that_a_zone_left_out(self) -> None:
        apia = ZoneInfo("Pacific/Apia")
        after = datetime(2011, 12, 29, 12, tzinfo=apia)
        (found,) = islice(read_cron("0 5 30 12 *", apia).after(after), 1)
        assert found.astimezone(apia).isoformat() == "2011-12-31T00:00:00+14:00"


REFUSED = {
    "61 * * * *": "minute",
    "0 24 * * *": "hour",
    "0 0 0 * *": "day of month",
    "0 0 * 13 *": "month",
    "0 0 * * MON#9": "day of week",
    "0 0 */0 * *": "day of month",
    "0 0 10-1 * *": "day of month",
    "* * * *": "five fields",
    "0 0 * * * *": "five fields",
    "@daily": "five fields",
    "a b c d e": "minute",
    "0 0 * * ²L": "day of week",
    "0 0 30 2 *": "day of month",
    "0 0 * * " + "1," * 200 + "1": "characters",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_cron_text_that_is_none_says_what_is_wrong(text: str) -> None:
    with pytest.raises(TimesRefused, match=REFUSED[text]):
        read_cron(text, ZoneInfo("UTC"))


def test_a_text_that_never_fires_ends() -> None:
    # A star makes both conditions count, and February has no fifth Monday on its first day.
    text = "0 0 */31 2 MON#5"
    with pytest.raises(TimesRefused, match="no day"):
        read_cron(text, ZoneInfo("UTC"))
    assert list(Cron(text, ZoneInfo("UTC")).after(BEGIN)) == []


def timing(**said: Any) -> Timing:
    bounds = {name: said.pop(name) for name in ("starts_at", "ends_at") if name in said}
    return read_timing(said, shortest_s=10, **bounds)


def test_every_is_counted_from_its_anchor_whatever_clocks_do() -> None:
    every = timing(every=3600 * 24, anchor="2026-03-28T09:00:00+01:00", timezone="Europe/Berlin")
    found = list(islice(every.after(datetime(2026, 3, 28, 8, tzinfo=UTC)), 2))
    assert [each.isoformat() for each in found] == ["2026-03-29T09:00:00+01:00", "2026-03-30T09:00:00+01:00"]
    assert every.next_after(datetime(2020, 1, 1, tzinfo=UTC)) == datetime(2026, 3, 28, 8, tzinfo=UTC)


def test_lists_are_sorted_and_local() -> None:
    days = timing(calendar=["2026-12-31", "2026-12-24T18:00", "2026-12-24"], time="18:00", timezone="Europe/Berlin")
    found = [each.isoformat() for each in days.after(BEGIN)]
    assert found == ["2026-12-24T17:00:00+00:00", "2026-12-31T17:00:00+00:00"]
    once = timing(once="2026-03-29T02:30", timezone="Europe/Berlin")
    assert [each.isoformat() for each in once.after(BEGIN)] == ["2026-03-29T01:00:00+00:00"]
    assert list(timing(once="2026-03-29T02:30Z").after(BEGIN))[0].hour == 2


def test_a_schedule_starts_at_its_start_and_ends_before_its_end() -> None:
    bounded = timing(cron="0 * * * *", starts_at=BEGIN, ends_at=BEGIN + timedelta(hours=2))
    assert list(bounded.after(BEGIN - timedelta(days=9))) == [BEGIN, BEGIN + timedelta(hours=1)]


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("cron", {}),
    "two": ("every", {"cron": "* * * * *", "every": 60, "anchor": "2026-01-01T00:00Z"}),
    "zone": ("timezone", {"cron": "* * * * *", "timezone": "Mars/Base"}),
    "path": ("timezone", {"cron": "* * * * *", "timezone": "../../etc/passwd"}),
    "often": ("every", {"every": 9, "anchor": "2026-01-01T00:00+00:00"}),
    "rarely": ("every", {"every": 10**9, "anchor": "2026-01-01T00:00+00:00"}),
    "text": ("once", {"once": "tomorrow"}),
    "year": ("once", {"once": "9999-12-31T23:59-12:00"}),
    "day": ("calendar[1]", {"calendar": ["2026-01-01T00:00", "2026-02-30"]}),
    "no time": ("calendar[0]", {"calendar": ["2026-01-01"]}),
    "time": ("time", {"calendar": ["2026-01-01"], "time": "25:00"}),
    "time of cron": ("time", {"cron": "* * * * *", "time": "09:00"}),
    "empty": ("calendar", {"calendar": []}),
    "end": ("ends_at", {"cron": "* * * * *", "starts_at": END, "ends_at": BEGIN}),
    "far": ("starts_at", {"cron": "* * * * *", "starts_at": datetime(9999, 1, 1, tzinfo=UTC)}),
}


@pytest.mark.parametrize("name", WRONG)
def test_times_that_are_none_name_their_field(name: str) -> None:
    field, said = WRONG[name]
    with pytest.raises(TimesRefused) as refused:
        timing(**said)
    assert refused.value.field == field


def test_jitter_is_the_same_for_all_who_look_and_never_before() -> None:
    one, other = uuid4(), UUID(int=7)
    times = [BEGIN + timedelta(minutes=n) for n in range(200)]
    delays = [(due_of(at, one, 60) - at).total_seconds() for at in times]
    assert delays == [(due_of(at, one, 60) - at).total_seconds() for at in times]
    assert all(0 <= delay < 60 for delay in delays) and max(delays) - min(delays) > 40
    assert delays != [(due_of(at, other, 60) - at).total_seconds() for at in times]
    assert due_of(BEGIN, one, 0) == BEGIN


def test_times_that_are_spread_over_others_are_not_late_for_it() -> None:
    nominal = datetime(2026, 1, 1, tzinfo=UTC)
    minute = timedelta(minutes=1)
    late = next(
        UUID(int=n)
        for n in range(1000)
        if due_of(nominal, UUID(int=n), 3600) > due_of(nominal + minute, UUID(int=n), 3600) + 5 * minute
    )
    schedule = Schedule(id=late, jitter=3600, catch_up="none", next_nominal=nominal)
    now = due_of(nominal, late, 3600)
    come = times_come(schedule, Timing(Every(60, nominal)), now, 60)
    assert len(come.times) > 1
    assert [due.reason for due in come.times] == [""] * len(come.times)
