"""`sleep`: go on later."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.language.values import Literal, ObjectValue, Value, folded
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Event, Fail, Outcome
from tasks.steps.outcomes import Sleep as SleepOutcome
from tasks.steps.reader import StepReader

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
MAX_SLEEP_S = 10 * 366 * 86_400
_TOO_LONG = "the time to sleep must be at most 10 years"


class Sleep(Step, kind="sleep"):
    """Outputs its input after the sum of its parts, or after one number of seconds."""

    duration: Value = evaluated("sleep")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{seconds, minutes, hours, days}`, or a number or an expression in seconds."""
        content = reader.literal(raw["sleep"], "sleep", (dict, int, float, str), {"seconds": 1})
        if not isinstance(content, dict):
            duration = reader.condition(content, "sleep")
        else:
            place = reader.at("sleep")
            place.unknown_keys(content, frozenset(_SECONDS), "sleep")
            units = ((unit, amount) for unit, amount in content.items() if unit in _SECONDS and amount is not None)
            duration = folded(ObjectValue(tuple((unit, place.condition(amount, unit)) for unit, amount in units)))
        problem = _seconds(duration.value) if isinstance(duration, Literal) else None
        if isinstance(problem, str):
            reader.at("sleep").problem(problem, "out_of_range", raw["sleep"])
        return cls(duration)

    def start(self, ctx: StepContext) -> Outcome:
        seconds = _seconds(ctx.resolve(self.duration))
        return Fail(seconds, "ValueError") if isinstance(seconds, str) else SleepOutcome(seconds)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        return Done(ctx.input)


def _seconds(duration: Any) -> float | str:
    """The duration in seconds, or what is wrong with it."""
    parts = duration if isinstance(duration, dict) else {"seconds": duration}
    for unit, amount in parts.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            return f"sleep {unit} must be a number"
        # Each part on its own: a whole number without bounds cannot be added to a fraction.
        if abs(amount) > MAX_SLEEP_S:
            return _TOO_LONG
    total = sum(amount * _SECONDS[unit] for unit, amount in parts.items())
    if not total > 0:
        return "the time to sleep must be more than 0"
    if total > MAX_SLEEP_S:
        return _TOO_LONG
    return float(total)
