"""`if` / `then` / `else`: one of two bodies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.outcomes import BodyFinished, Done, Enter, Event, Outcome
from tasks.steps.reader import StepReader


@dataclass(eq=False)
class IfElse(Step):
    """Output of the body that ran; false without `else` passes the input on."""

    kind: ClassVar[str] = "if_else"
    step_type: ClassVar[str] = "IfElseWorkflowStep"
    main_key: ClassVar[str] = "if"
    keys: ClassVar[frozenset[str]] = frozenset({"if", "then", "else"})
    hands_on: ClassVar[bool] = True

    condition: Value = evaluated("if")
    then: tuple[Step, ...] = body("then")
    otherwise: tuple[Step, ...] = body("else", optional=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A condition and one or two bodies."""
        otherwise = raw.get("else")
        return cls(
            reader.condition(raw["if"], "if"),
            reader.body(raw.get("then"), "then", "if_else.then"),
            () if otherwise is None else reader.body(otherwise, "else", "if_else.else"),
        )

    def body_location(self, key: str) -> str:
        return f"if_else.{key}"

    def start(self, ctx: StepContext) -> Outcome:
        if ctx.resolve(self.condition):
            return Enter("then", ctx.input, display="if_else.then")
        if self.otherwise:
            return Enter("else", ctx.input, display="if_else.else")
        return Done(ctx.input)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        assert isinstance(event, BodyFinished)
        return Done(event.value)
