"""`emit`: record an event."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.event_names import problem_of_key, problem_of_name
from tasks.steps.kinds.wait_for_event import read_checked
from tasks.steps.outcomes import Call, Effect, Fail, Outcome
from tasks.steps.reader import StepReader

_KEYS = frozenset({"name", "data", "key"})


class Emit(Step, kind="emit", has_effect=True):
    """Output: the event, `{id, name, data, key, created_at}`. It is recorded once, however often the step is tried."""

    name: Value = evaluated("emit.name")
    data: Value | None = evaluated("emit.data")
    key: Value | None = evaluated("emit.key")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{name, data?: object, key?}`."""
        content, place = reader.object(raw["emit"], "emit", _KEYS)
        return cls(
            name=read_checked(content, place, "name", problem_of_name),
            data=place.arguments(content["data"], "data") if content.get("data") is not None else None,
            key=read_checked(content, place, "key", problem_of_key) if content.get("key") is not None else None,
        )

    def start(self, ctx: StepContext) -> Outcome:
        name = ctx.resolve(self.name)
        data = {} if self.data is None else ctx.resolve(self.data)
        key = None if self.key is None else ctx.resolve(self.key)
        problem = problem_of_name(name) or (None if key is None else problem_of_key(key))
        if problem is None and not isinstance(data, dict):
            problem = "`data` must be an object"
        if problem is not None:
            return Fail(problem, "ValueError")
        return Call(Effect("emit", {"name": name, "data": data, "key": key}, options=dict(self.options)))
