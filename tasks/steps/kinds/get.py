"""`get`: read what `set` stored."""

from typing import Any

from tasks.steps.base import Step, StepContext, literal
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader


def _read_keys(reader: StepReader, raw: Any) -> str | list[str]:
    keys: Any = reader.literal(raw, "", (str, list), "")
    return [reader.name(key, f"[{index}]") for index, key in enumerate(keys)] if isinstance(keys, list) else keys


class Get(Step, kind="get"):
    """Outputs the stored value of one key, or an object of several; what is not stored is null."""

    key: str | list[str] = literal("get", _read_keys)

    def start(self, ctx: StepContext) -> Outcome:
        if isinstance(self.key, str):
            return Done(ctx.state(self.key)[1])
        return Done({key: ctx.state(key)[1] for key in self.key})
