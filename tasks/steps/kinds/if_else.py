"""`if` / `then` / `else`: one of two bodies."""

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.outcomes import Done, Enter, Outcome
from tasks.steps.reader import StepReader


class IfElse(Step, kind="if_else", main_key="if", step_type="IfElseWorkflowStep", hands_on=True):
    """Output of the body that ran; false without `else` passes the input on."""

    condition: Value = evaluated("if", StepReader.condition)
    then: tuple[Step, ...] = body("then", "if_else.then")
    otherwise: tuple[Step, ...] = body("else", "if_else.else", optional=True)

    def start(self, ctx: StepContext) -> Outcome:
        if ctx.holds(self.condition):
            return Enter("then", ctx.input, display="if_else.then")
        if self.otherwise:
            return Enter("else", ctx.input, display="if_else.else")
        return Done(ctx.input)
