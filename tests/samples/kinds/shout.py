"""`shout`: say a text in capitals."""

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text


class Shout(Step, kind="shout"):
    text: Value = evaluated("shout", StepReader.one_text)

    def start(self, ctx: StepContext) -> Outcome:
        return Done(as_text(ctx.resolve(self.text)).upper())
