"""`embed`: vectors of texts."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Call, Effect, Outcome
from tasks.steps.reader import StepReader

_KEYS = frozenset({"text", "model"})


class Embed(Step, kind="embed", has_effect=True):
    """Output: `{vectors}`, one for each text."""

    request: Value = evaluated("embed")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{text, model?}`; the text may be a list."""
        content, place = reader.object(raw["embed"], "embed", _KEYS)
        if content.get("text") is None:
            place.problem("`text` is missing", "missing", content)
        return cls(place.value({key: value for key, value in content.items() if value is not None}))

    def start(self, ctx: StepContext) -> Outcome:
        return Call(Effect("embed", ctx.resolve(self.request), options=dict(self.options)))
