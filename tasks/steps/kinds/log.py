"""`log`: leave a text in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text


@dataclass(eq=False)
class Log(Step):
    """Outputs its input; the rendered text stands in the transition's metadata under `log`."""

    kind: ClassVar[str] = "log"
    step_type: ClassVar[str] = "LogStep"
    main_key: ClassVar[str] = "log"
    keys: ClassVar[frozenset[str]] = frozenset({"log"})

    text: Value = evaluated("log")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        return cls(reader.text(reader.literal(raw["log"], "log", (str,), ""), "log"))

    def start(self, ctx: StepContext) -> Outcome:
        return Done(ctx.input, metadata={"log": as_text(ctx.resolve(self.text))})
