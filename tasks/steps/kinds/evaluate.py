"""`evaluate`: compute values."""

from collections.abc import Mapping
from typing import Any

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader


def _read_values(reader: StepReader, raw: Any) -> Value:
    """An object of values, or one bare expression."""
    if isinstance(raw, str):
        return reader.condition(raw)
    if not isinstance(raw, Mapping):
        reader.wrong_type(raw, "an object of values, or one expression")
        raw = {}
    return reader.value(raw)


class Evaluate(Step, kind="evaluate"):
    """Output: the object (or the one expression) with every value replaced by its result."""

    values: Value = evaluated("evaluate", _read_values)

    def start(self, ctx: StepContext) -> Outcome:
        """Compute everything at once; keys do not see each other."""
        return Done(ctx.resolve(self.values))
