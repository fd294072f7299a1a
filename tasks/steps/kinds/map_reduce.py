"""`over` / `map` / `reduce`: a body for each item, beside each other."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated, literal
from tasks.steps.items import items_of
from tasks.steps.outcomes import Child, ChildrenJoined, Done, Event, Fail, Fork, Outcome
from tasks.steps.reader import StepReader

DEFAULT_PARALLELISM = 100
MAX_PARALLELISM = 1000
MAX_MAP_ITEMS = 100_000


class MapReduce(Step, kind="map_reduce", main_key="over"):
    """Runs the body for every item, at most `parallelism` at once; results stand in item order.

    A `reduce` that names `_` is folded over the outputs, with `results` starting at `initial`; one that does not is
    evaluated once, with `results` being the list of all outputs. Without `reduce` the output is that list.
    """

    reduce: Value | None = evaluated("reduce", StepReader.condition, extra_names=frozenset({"results"}), optional=True)
    over: Value = evaluated("over", StepReader.condition)
    map: tuple[Step, ...] = body("map")
    initial: Json = literal("initial", lambda reader, raw: [] if raw is None else raw)
    parallelism: int = literal(
        "parallelism", partial(StepReader.whole_number, low=1, high=MAX_PARALLELISM, default=DEFAULT_PARALLELISM)
    )
    folds: bool = False

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        step = super().read(raw, reader)
        step.folds = step.reduce is not None and "_" in step.reduce.names()
        return step

    def start(self, ctx: StepContext) -> Outcome:
        items = items_of(ctx.resolve(self.over))
        if isinstance(items, Fail):
            return items
        if len(items) > MAX_MAP_ITEMS:
            return Fail(f"a map has at most {MAX_MAP_ITEMS} items, not {len(items)}", "TooManyItems")
        if not items:
            return self._reduced(ctx, [])
        children = [Child("map", item, display=self._display(index)) for index, item in enumerate(items)]
        return Fork(children, parallelism=self.parallelism)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        assert isinstance(event, ChildrenJoined)
        return self._reduced(ctx, event.value)

    def _display(self, index: int) -> str:
        if self.parallelism == 1:
            return f"mapreduce[{index}]"
        return f"mapreduce[{index // self.parallelism}][{index % self.parallelism}]"

    def _reduced(self, ctx: StepContext, outputs: list[Json]) -> Outcome:
        if self.reduce is None:
            return Done([*self.initial, *outputs] if isinstance(self.initial, list) else outputs)
        if not self.folds:
            return Done(ctx.resolve(self.reduce, results=outputs))
        return Done(ctx.fold(self.reduce, outputs, self.initial))
