"""`set`: store values for the whole execution."""

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader


class Set(Step, kind="set"):
    """Merges an object into the execution's store and outputs what it stored."""

    values: Value = evaluated("set", StepReader.object_of_values)

    def start(self, ctx: StepContext) -> Outcome:
        stored = ctx.resolve(self.values)
        return Done(stored, state=stored)
