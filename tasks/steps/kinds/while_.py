"""`while`: a body as long as a condition holds."""

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.outcomes import BodyFinished, Done, Enter, Event, Fail, Outcome
from tasks.steps.reader import StepReader

MAX_TURNS = 100_000


class While(Step, kind="while"):
    """`_` of condition and body is the output of the last turn, at first the step's input; so is the output."""

    condition: Value = evaluated("while", StepReader.condition)
    do: tuple[Step, ...] = body("do", "while.do")

    def start(self, ctx: StepContext) -> Outcome:
        return self._next(ctx, 0, ctx.input)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        assert isinstance(event, BodyFinished)
        return self._next(ctx, ctx.memory + 1, event.value)

    def _next(self, ctx: StepContext, turn: int, value: Json) -> Outcome:
        if not ctx.holds(self.condition, _=value):
            return Done(value)
        if turn == MAX_TURNS:
            return Fail(f"the loop did not end within {MAX_TURNS:,} turns", "LimitExceeded")
        return Enter("do", value, display=f"while[{turn}]", memory=turn)
