"""`return`: end the enclosing workflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Outcome
from tasks.steps.outcomes import Return as ReturnOutcome
from tasks.steps.reader import StepReader


@dataclass(eq=False)
class Return(Step):
    """Ends the enclosing named workflow with a value, from any depth."""

    kind: ClassVar[str] = "return"
    step_type: ClassVar[str] = "ReturnStep"
    main_key: ClassVar[str] = "return"
    keys: ClassVar[frozenset[str]] = frozenset({"return"})

    value: Value = evaluated("return")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """An object, a list, or one bare value."""
        return cls(reader.value(raw["return"], "return"))

    def start(self, ctx: StepContext) -> Outcome:
        """Compute the value and return it."""
        return ReturnOutcome(ctx.resolve(self.value))
