"""How long to wait before something is tried again. The one place that knows; it looks at no clock of its own.

Pauses double up to a cap, and each is drawn at random from its upper half: what failed together does not come back
together. What the other side asks for is kept to, as long as it is no more than a bound.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import random

Random = Callable[[], float]

# Beyond this exponent every pause is at its cap, and a float would overflow.
_MOST_DOUBLINGS = 60
# What comes back after a pause the other side named is spread over so much of it, and at least over so long.
_SPREAD = 0.5
_LEAST_SPREAD_S = 0.5
_HINTS_IN_SECONDS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses of `first_s`, then `factor` times as long each time, `cap_s` at most."""

    first_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 300.0

    def pause_s(self, attempt: int, *, hint_s: float | None = None, draw: Random = random) -> float:
        """Seconds to wait after that many attempts; never less than `hint_s`, what the other side asked for.

        `draw` gives numbers from 0 to 1.
        """
        longest = self.longest_s(attempt)
        own = longest * (1 - draw() / 2)
        return own if hint_s is None or hint_s <= 0 else max(own, spread_s(hint_s, draw=draw))

    def longest_s(self, attempt: int) -> float:
        """The most that may be drawn after that many attempts."""
        return min(self.cap_s, self.first_s * self.factor ** min(max(attempt - 1, 0), _MOST_DOUBLINGS))


def spread_s(hint_s: float, *, over_s: float = 0.0, draw: Random = random) -> float:
    """A pause of at least `hint_s`, drawn from a stretch that begins there: of `over_s`, or longer with a long hint."""
    return hint_s + draw() * max(hint_s * _SPREAD, _LEAST_SPREAD_S, over_s)


def retry_after_s(headers: Mapping[str, str], now: datetime, *, most_s: float) -> float | None:
    """What an answer's headers ask a caller to wait, `most_s` at most; None when they do not, or not in words we know.
    A time that has come already, or zero, asks for no pause.

    `Retry-After` as seconds or as a date (that of the answer's own `Date` counts, if there is one, so that a wrong
    clock here does no harm), `retry-after-ms`, else the longest of the `x-ratelimit-reset-*` of what is used up.
    """
    named = {name.lower(): value.strip() for name, value in headers.items()}
    found = _milliseconds(named.get("retry-after-ms"))
    if found is None:
        found = _seconds_or_date(named.get("retry-after"), _date(named.get("date")) or now)
    if found is None:
        found = _reset_s(named)
    return None if found is None or found <= 0 else min(found, most_s)


def _milliseconds(text: str | None) -> float | None:
    number = _number(text)
    return None if number is None else number / 1000


def _seconds_or_date(text: str | None, now: datetime) -> float | None:
    number = _number(text)
    if number is not None:
        return number
    date = _date(text)
    return None if date is None else (date - now).total_seconds()


def _reset_s(named: Mapping[str, str]) -> float | None:
    """Limits that are not used up yet tell of a time that nobody has to wait for."""
    waits = [
        _duration(named.get(name))
        for name in _HINTS_IN_SECONDS
        if _number(named.get(name.replace("-reset-", "-remaining-"))) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _duration(text: str | None) -> float | None:
    """`1.5`, `20ms`, `1m30s`."""
    number = _number(text)
    if number is not None or not text:
        return number
    total, digits, unit = 0.0, "", ""
    for character in f"{text[:40]} ":
        if unit and not character.isalpha():
            amount = _number(digits)
            if amount is None or unit not in _UNITS:
                return None
            total, digits, unit = total + amount * _UNITS[unit], "", ""
        if character.isalpha():
            unit += character.lower()
        else:
            digits += character
    return total if not digits.strip() else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text[:40]) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text[:80]) if text else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return date if date is None or date.tzinfo is not None else date.replace(tzinfo=UTC)
