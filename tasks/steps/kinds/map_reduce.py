"""`over` / `map` / `reduce`: a body for each item, beside each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.items import items_of
from tasks.steps.outcomes import Child, ChildrenJoined, Done, Event, Fail, Fork, Outcome
from tasks.steps.reader import StepReader

DEFAULT_PARALLELISM = 100
MAX_PARALLELISM = 1000
MAX_MAP_ITEMS = 100_000


@dataclass(eq=False)
class MapReduce(Step):
    """Runs the body for every item, at most `parallelism` at once; results stand in item order.

    A `reduce` that names `_` is folded over the outputs, with `results` starting at `initial`; one that does not is
    evaluated once, with `results` being the list of all outputs. Without `reduce` the output is that list.
    """

    kind: ClassVar[str] = "map_reduce"
    step_type: ClassVar[str] = "MapReduceStep"
    main_key: ClassVar[str] = "over"
    keys: ClassVar[frozenset[str]] = frozenset({"over", "map", "reduce", "initial", "parallelism"})

    over: Value = evaluated("over")
    map: tuple[Step, ...] = body("map")
    reduce: Value | None = evaluated("reduce", extra_names=frozenset({"results"}), optional=True)
    folds: bool = False
    initial: Json = None
    parallelism: int = DEFAULT_PARALLELISM

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`over`, `map`, and the optional rest."""
        reduce = reader.condition(raw["reduce"], "reduce") if raw.get("reduce") is not None else None
        return cls(
            over=reader.condition(raw["over"], "over"),
            map=reader.body(raw.get("map"), "map"),
            reduce=reduce,
            folds=reduce is not None and "_" in reduce.names(),
            initial=raw.get("initial", []),
            parallelism=reader.whole_number(
                raw.get("parallelism"), "parallelism", low=1, high=MAX_PARALLELISM, default=DEFAULT_PARALLELISM
            ),
        )

    def start(self, ctx: StepContext) -> Outcome:
        """Fix the items and fork."""
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
        return self._reduced(ctx, event.values)

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
