"""Dates and times: `datetime`, `time` and `zoneinfo`."""

import datetime
import re
import time
import zoneinfo
from collections.abc import Callable
from typing import Any, TypeVar

from tasks.expressions.callables import Function, Group, Module
from tasks.expressions.formatting import check_date_format
from tasks.expressions.limits import Budget
from tasks.expressions.values import NUMBERS, Value, fail, type_name

DATETIME = Group("datetime", prefix="datetime.")
DATE = Group("date", prefix="date.")
TIME = Group("time", prefix="time.")
ZONEINFO = Group("zoneinfo", prefix="zoneinfo.")
CONSTRUCTORS = Group("Dates")

Moment = TypeVar("Moment")

_MAX_TEXT = 200
_NOT_STORED = "cannot be stored: use str(...)"


def _argument(value: Value) -> Value:
    if type(value) in NUMBERS or isinstance(value, datetime.tzinfo):
        return value
    fail("TypeError", f"a date cannot be made of {type_name(value)}")


def _constructor(signature: str, doc: str, kind: Callable[..., Any]) -> None:
    @CONSTRUCTORS.add(signature, f"{doc}; {_NOT_STORED}", "constant")
    def run(budget: Budget, *values: Value, **named: Value) -> Value:
        return kind(*map(_argument, values), **{name: _argument(value) for name, value in named.items()})


_constructor(
    "datetime(year, month, day, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)", "A moment", datetime.datetime
)
_constructor("date(year, month, day)", "A day", datetime.date)
_constructor(
    "timedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)",
    "A span of time",
    datetime.timedelta,
)


@CONSTRUCTORS.add("timezone(offset)", "A fixed offset from UTC, given as a timedelta", "constant")
def _timezone(budget: Budget, offset: Value) -> datetime.timezone:
    if type(offset) is not datetime.timedelta:
        fail("TypeError", "timezone needs a timedelta")
    return datetime.timezone(offset)


def _short(text: Value, role: str = "text") -> str:
    if type(text) is not str or len(text) > _MAX_TEXT:
        fail("ValueError", f"the {role} must be a text of at most {_MAX_TEXT} characters")
    return text


def _zone(tz: Value) -> datetime.tzinfo | None:
    if tz is None or isinstance(tz, datetime.tzinfo):
        return tz
    fail("TypeError", "the time zone must be timezone.utc or zoneinfo.ZoneInfo(...)")


@DATETIME.add("now(tz=None)", f"The present moment; {_NOT_STORED}", "constant")
def _now(budget: Budget, tz: Value = None) -> datetime.datetime:
    return datetime.datetime.now(_zone(tz))


@DATETIME.add("utcnow()", "The present moment in UTC, without a zone.", "constant")
def _utcnow(budget: Budget) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


@DATETIME.add("today()", "The present moment, without a zone.", "constant")
def _today_moment(budget: Budget) -> datetime.datetime:
    return datetime.datetime.now()


@DATETIME.add("fromtimestamp(seconds, tz=None)", "The moment that many seconds after 1970.", "constant")
def _fromtimestamp(budget: Budget, seconds: Value, tz: Value = None) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(_argument(seconds), _zone(tz))
    except OSError:
        fail("ValueError", "the moment is out of range")


@DATETIME.add("fromisoformat(text)", "The moment written as ISO 8601.", f"{_MAX_TEXT} characters")
def _moment_fromisoformat(budget: Budget, text: Value) -> datetime.datetime:
    return datetime.datetime.fromisoformat(_short(text))


def _read(budget: Budget, parse: Callable[[str, str], Moment], text: Value, format: Value) -> Moment:
    budget.charge(200)
    try:
        return parse(_short(text), _short(format, "format"))
    except re.error:
        # Python makes a pattern of the format, in which each part has a name.
        fail("ValueError", "the format names a part of the date twice")


@DATETIME.add("strptime(text, format)", "The moment written in a format such as %Y-%m-%d.", f"{_MAX_TEXT} characters")
def _strptime(budget: Budget, text: Value, format: Value) -> datetime.datetime:
    return _read(budget, datetime.datetime.strptime, text, format)


@DATE.add("today()", "The present day.", "constant")
def _today(budget: Budget) -> datetime.date:
    return datetime.datetime.now().date()


@DATE.add("fromisoformat(text)", "The day written as YYYY-MM-DD.", f"{_MAX_TEXT} characters")
def _date_fromisoformat(budget: Budget, text: Value) -> datetime.date:
    return datetime.date.fromisoformat(_short(text))


@TIME.add("time()", "Seconds since 1970.", "constant")
def _time(budget: Budget) -> float:
    return time.time()


@TIME.add("strftime(format, moment=None)", "A time as text; the present one by default.", "500 characters of format")
def _strftime(budget: Budget, format: Value, moment: Value = None) -> str:
    if type(format) is not str:
        fail("TypeError", "the format must be text")
    check_date_format(format)
    if moment is None:
        return time.strftime(format)
    if type(moment) is not time.struct_time:
        fail("TypeError", "strftime needs what time.strptime gives")
    return time.strftime(format, moment)


@TIME.add("strptime(text, format)", "A time read from text.", f"{_MAX_TEXT} characters")
def _time_strptime(budget: Budget, text: Value, format: Value) -> time.struct_time:
    return _read(budget, time.strptime, text, format)


@TIME.add("gmtime(seconds=None)", "A time in UTC; the present one by default.", "constant")
def _gmtime(budget: Budget, seconds: Value = None) -> time.struct_time:
    try:
        return time.gmtime(None if seconds is None else _argument(seconds))
    except OSError:
        fail("ValueError", "the moment is out of range")


@ZONEINFO.add("ZoneInfo(name)", "A time zone such as Europe/Madrid.", "names of the time zone database")
def _zone_info(budget: Budget, name: Value) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(_short(name, "name"))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        fail("ValueError", f"there is no time zone {name!r}")


def _module(name: str, group: Group, call: Function | None, **more: Any) -> Module:
    return Module(name, {**group.functions, **more}, call)


TIMEDELTA_FUNCTION = CONSTRUCTORS.functions["timedelta"]
DATE_MODULE = _module("date", DATE, CONSTRUCTORS.functions["date"])
TIMEZONE_MODULE = Module("timezone", {"utc": datetime.UTC}, CONSTRUCTORS.functions["timezone"])
MOMENT_MODULE = _module("datetime.datetime", DATETIME, CONSTRUCTORS.functions["datetime"])
DATETIME_MODULE = _module(
    "datetime",
    DATETIME,
    CONSTRUCTORS.functions["datetime"],
    datetime=MOMENT_MODULE,
    date=DATE_MODULE,
    timedelta=TIMEDELTA_FUNCTION,
    timezone=TIMEZONE_MODULE,
    UTC=datetime.UTC,
)
TIME_MODULE = _module("time", TIME, None)
ZONEINFO_MODULE = _module("zoneinfo", ZONEINFO, None)
