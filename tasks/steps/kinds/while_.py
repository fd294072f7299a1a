"""`while`: a body as long as a condition holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.outcomes import BodyFinished, Done, Enter, Event, Fail, Outcome
from tasks.steps.reader import StepReader

MAX_TURNS = 100_000


@dataclass(eq=False)
class While(Step):
    """`_` of condition and body is the output of the last turn, at first the step's input; so is the output."""

    kind: ClassVar[str] = "while"
    step_type: ClassVar[str] = "WhileStep"
    main_key: ClassVar[str] = "while"
    keys: ClassVar[frozenset[str]] = frozenset({"while", "do"})

    condition: Value = evaluated("while")
    do: tuple[Step, ...] = body("do")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A condition and a body."""
        return cls(reader.condition(raw["while"], "while"), reader.body(raw.get("do"), "do", "while.do"))

    def body_location(self, key: str) -> str:
        return f"while.{key}"

    def start(self, ctx: StepContext) -> Outcome:
        """Decide on the first turn."""
        return self._next(ctx, 0, ctx.input)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        assert isinstance(event, BodyFinished)
        return self._next(ctx, ctx.memory + 1, event.value)

    def _next(self, ctx: StepContext, turn: int, value: Json) -> Outcome:
        if not ctx.resolve(self.condition, _=value):
            return Done(value)
        if turn == MAX_TURNS:
            return Fail(f"the loop did not end within {MAX_TURNS:,} turns", "LimitExceeded")
        return Enter("do", value, display=f"while[{turn}]", memory=turn)
