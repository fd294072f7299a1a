"""`shout`: say a text in capitals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text


@dataclass(eq=False)
class Shout(Step):
    kind: ClassVar[str] = "shout"
    step_type: ClassVar[str] = "ShoutStep"
    main_key: ClassVar[str] = "shout"
    keys: ClassVar[frozenset[str]] = frozenset({"shout"})

    text: Value = evaluated("shout")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        return cls(reader.text(reader.literal(raw["shout"], "shout", (str,), ""), "shout"))

    def start(self, ctx: StepContext) -> Outcome:
        return Done(as_text(ctx.resolve(self.text)).upper())
