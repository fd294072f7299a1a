"""`error`: fail on purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Fail, Outcome
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text


@dataclass(eq=False)
class Error(Step):
    """Fails the execution with the rendered text."""

    kind: ClassVar[str] = "error"
    step_type: ClassVar[str] = "ErrorWorkflowStep"
    main_key: ClassVar[str] = "error"
    keys: ClassVar[frozenset[str]] = frozenset({"error"})

    text: Value = evaluated("error")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        return cls(reader.text(reader.literal(raw["error"], "error", (str,), ""), "error"))

    def start(self, ctx: StepContext) -> Outcome:
        """Render the text and fail."""
        return Fail(as_text(ctx.resolve(self.text)))
