"""`return`: end the enclosing workflow."""

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Outcome
from tasks.steps.outcomes import Return as ReturnOutcome
from tasks.steps.reader import StepReader


class Return(Step, kind="return"):
    """Ends the enclosing named workflow with a value, from any depth."""

    value: Value = evaluated("return", StepReader.value)

    def start(self, ctx: StepContext) -> Outcome:
        return ReturnOutcome(ctx.resolve(self.value))

    def answered(self, ctx: StepContext, output: Json) -> Outcome:
        return ReturnOutcome(output)
