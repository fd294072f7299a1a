"""`foreach`: a body for each item, one after the other."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.items import items_of
from tasks.steps.outcomes import Done, Enter, Event, Fail, Outcome
from tasks.steps.reader import StepReader

_KEYS = frozenset({"in", "do"})


class Foreach(Step, kind="foreach"):
    """Output: the list of the turns' outputs, in order. An object's items are its keys."""

    over: Value = evaluated("foreach.in")
    do: tuple[Step, ...] = body("foreach.do")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        content, place = reader.object(raw["foreach"], "foreach", _KEYS)
        if "in" not in content:
            place.at("in").problem("is missing", "missing", content)
        return cls(place.condition(content.get("in", []), "in"), place.body(content.get("do"), "do"))

    def start(self, ctx: StepContext) -> Outcome:
        items = items_of(ctx.resolve(self.over))
        if isinstance(items, Fail):
            return items
        if not items:
            return Done([])
        return self._turn(0, len(items), items[0], items=items)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        """A turn has ended: the next one, or the results."""
        following, count = ctx.memory["turn"] + 1, ctx.memory["count"]
        if following == count:
            return Done(ctx.results())
        return self._turn(following, count, ctx.item(following))

    @staticmethod
    def _turn(turn: int, count: int, item: Any, items: list[Any] | None = None) -> Enter:
        return Enter("do", item, display=f"foreach[{turn}]", memory={"turn": turn, "count": count}, items=items)
