"""`get`: read what `set` stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.steps.base import Step, StepContext
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader


@dataclass(eq=False)
class Get(Step):
    """Outputs the stored value of one key, or an object of several; what is not stored is null."""

    kind: ClassVar[str] = "get"
    step_type: ClassVar[str] = "GetStep"
    main_key: ClassVar[str] = "get"
    keys: ClassVar[frozenset[str]] = frozenset({"get"})

    key: str | list[str]

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A key, or a list of keys."""
        content = reader.literal(raw["get"], "get", (str, list), "")
        if isinstance(content, list):
            content = [reader.literal(key, f"get[{index}]", (str,), "") for index, key in enumerate(content)]
        return cls(content)

    def start(self, ctx: StepContext) -> Outcome:
        if isinstance(self.key, str):
            return Done(ctx.state(self.key)[1])
        return Done({key: ctx.state(key)[1] for key in self.key})
