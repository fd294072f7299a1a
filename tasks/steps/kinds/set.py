"""`set`: store values for the whole execution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader


@dataclass(eq=False)
class Set(Step):
    """Merges an object into the execution's store and outputs what it stored."""

    kind: ClassVar[str] = "set"
    step_type: ClassVar[str] = "SetStep"
    main_key: ClassVar[str] = "set"
    keys: ClassVar[frozenset[str]] = frozenset({"set"})

    values: Value = evaluated("set")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        return cls(reader.value(reader.literal(raw["set"], "set", (dict,), {}), "set"))

    def start(self, ctx: StepContext) -> Outcome:
        """Compute the values and store them."""
        stored = ctx.resolve(self.values)
        return Done(stored, state=stored)
