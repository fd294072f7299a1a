"""`embed`: vectors of texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Call, Done, Effect, EffectSucceeded, Event, Outcome
from tasks.steps.reader import StepReader

_KEYS = frozenset({"text", "model"})


@dataclass(eq=False)
class Embed(Step):
    """Output: `{vectors}`, one for each text."""

    kind: ClassVar[str] = "embed"
    step_type: ClassVar[str] = "EmbedStep"
    main_key: ClassVar[str] = "embed"
    keys: ClassVar[frozenset[str]] = frozenset({"embed"})
    has_effect: ClassVar[bool] = True

    request: Value = evaluated("embed")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{text, model?}`; the text may be a list."""
        content = reader.literal(raw["embed"], "embed", (dict,), {})
        place = reader.at("embed")
        place.unknown_keys(content, _KEYS, "embed")
        if content.get("text") is None:
            place.problem("`text` is missing", "missing", content)
        return cls(place.value({key: value for key, value in content.items() if value is not None}))

    def start(self, ctx: StepContext) -> Outcome:
        return Call(Effect("embed", ctx.resolve(self.request), options=dict(self.options)))

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        assert isinstance(event, EffectSucceeded)
        return Done(event.value)
