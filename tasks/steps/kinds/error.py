"""`error`: fail on purpose."""

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Fail, Outcome
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text


class Error(Step, kind="error", step_type="ErrorWorkflowStep"):
    """Fails the execution with the rendered text."""

    text: Value = evaluated("error", StepReader.one_text)

    def start(self, ctx: StepContext) -> Outcome:
        return Fail(as_text(ctx.resolve(self.text)))
