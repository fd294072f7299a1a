"""`evaluate`: compute values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader


@dataclass(eq=False)
class Evaluate(Step):
    """Output: the object (or the one expression) with every value replaced by its result."""

    kind: ClassVar[str] = "evaluate"
    step_type: ClassVar[str] = "EvaluateStep"
    main_key: ClassVar[str] = "evaluate"
    keys: ClassVar[frozenset[str]] = frozenset({"evaluate"})

    values: Value = evaluated("evaluate")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """An object of values, or one bare expression."""
        content = raw["evaluate"]
        if isinstance(content, str):
            return cls(reader.condition(content, "evaluate"))
        if not isinstance(content, Mapping):
            reader.at("evaluate").wrong_type(content, "an object of values, or one expression")
            content = {}
        return cls(reader.value(content, "evaluate"))

    def start(self, ctx: StepContext) -> Outcome:
        """Compute everything at once; keys do not see each other."""
        return Done(ctx.resolve(self.values))
