"""Random valid programs of pure steps, none of whose results depends on timing.

Arms that run beside each other never read what another may write, and at most one of them may fail or return.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from hypothesis import strategies as st

from julep_project.core.json_value import Json
from tests.flows.reference_expressions import (
    CONDITIONS,
    COUNTERS,
    ERROR_TYPE,
    FAILING,
    KEYS,
    LISTS,
    MAX_TURNS,
    REDUCTIONS,
    TOTAL,
)

Step = dict[str, Json]

MAX_DEPTH = 3
MAX_STEPS = 4
INPUTS = st.fixed_dictionaries({"n": st.integers(-3, 3), "list": st.lists(st.sampled_from([0, "a", None]), max_size=2)})


@dataclass(frozen=True)
class Place:
    """What a step may do where it stands. `keys` of the store are its own; `workflows` may be called."""

    depth: int = 0
    may_fail: bool = True
    may_return: bool = True
    in_catch: bool = False
    keys: tuple[str, ...] = KEYS
    workflows: tuple[str, ...] = ()

    @property
    def may_loop(self) -> bool:
        """Whether a counter in the store is safe: nothing else runs this step at the same time."""
        return bool(self.keys)


@st.composite
def tasks(draw: st.DrawFn) -> Step:
    """A task of `main`, a workflow that may be called from anywhere, and one that may not."""
    maker = _Maker(draw, mark=draw(st.sampled_from(["$ ", ""])))
    calm = Place(may_fail=False, keys=())
    return {
        "calm": maker.workflow(calm),
        "wild": maker.workflow(Place(workflows=("calm",))),
        "main": maker.workflow(Place(workflows=("calm", "wild"))),
    }


class _Maker:
    def __init__(self, draw: st.DrawFn, mark: str) -> None:
        self._draw = draw
        self._mark = mark
        self._counters = iter(COUNTERS)
        self._errors = count()

    def workflow(self, place: Place) -> list[Step]:
        return [step for _ in range(self._draw(st.integers(1, MAX_STEPS))) for step in self._labelled(place)]

    def _labelled(self, place: Place) -> list[Step]:
        *before, step = self._steps(place)
        label = self._draw(st.sampled_from([None, None, "a", "b"]))
        return [*before, step if label is None else {**step, "label": label}]

    def _body(self, place: Place) -> Json:
        inner = replace(place, depth=place.depth + 1)
        steps = [step for _ in range(self._draw(st.integers(1, 2))) for step in self._steps(inner)]
        return steps[0] if len(steps) == 1 and self._draw(st.booleans()) else steps

    def _steps(self, place: Place) -> list[Step]:
        """One step, with what must stand before it."""
        kinds: list[Callable[[Place], list[Step]]] = [self._evaluate, self._evaluate, self._log]
        if place.keys:
            kinds += [self._set, self._get]
        if place.may_fail:
            kinds.append(self._error)
        if place.may_return:
            kinds.append(self._return)
        if place.workflows:
            kinds.append(self._call)
        if place.depth < MAX_DEPTH:
            kinds += [self._if, self._switch, self._foreach, self._map, self._parallel, self._try, self._try]
            kinds += [self._while] if place.may_loop else []
        return self._draw(st.sampled_from(kinds))(place)

    # -- steps without bodies -------------------------------------------------------------------------------------

    def _value(self, place: Place) -> Json:
        sources = [*TOTAL, *LISTS, *(f"get('{key}', 0)" for key in place.keys)]
        sources += FAILING if place.may_fail else []
        sources += [ERROR_TYPE] * 3 if place.in_catch else []
        return self._mark + self._draw(st.sampled_from(sources))

    def _evaluate(self, place: Place) -> list[Step]:
        if self._draw(st.booleans()):
            return [{"evaluate": self._value(place)}]
        return [{"evaluate": {"a": self._value(place), "b": {"c": self._value(place), "d": 1}}}]

    def _log(self, place: Place) -> list[Step]:
        return [{"log": "here"}]

    def _set(self, place: Place) -> list[Step]:
        return [{"set": {self._draw(st.sampled_from(place.keys)): self._value(place)}}]

    def _get(self, place: Place) -> list[Step]:
        return [{"get": self._draw(st.sampled_from(place.keys))}]

    def _error(self, place: Place) -> list[Step]:
        return [{"error": f"failure {next(self._errors)}"}]

    def _return(self, place: Place) -> list[Step]:
        return [{"return": self._value(place)}]

    def _call(self, place: Place) -> list[Step]:
        step: Step = {"workflow": self._draw(st.sampled_from(place.workflows))}
        if self._draw(st.booleans()):
            step["arguments"] = {"x": self._value(place)}
        return [step]

    # -- steps with bodies ----------------------------------------------------------------------------------------

    def _if(self, place: Place) -> list[Step]:
        step = {"if": self._condition(), "then": self._body(place)}
        return [{**step, "else": self._body(place)} if self._draw(st.booleans()) else step]

    def _condition(self) -> str:
        return self._mark + self._draw(st.sampled_from(sorted(CONDITIONS)))

    def _switch(self, place: Place) -> list[Step]:
        cases = [{"case": self._condition(), "then": self._body(place)} for _ in range(self._draw(st.integers(1, 2)))]
        if not place.may_fail or self._draw(st.booleans()):
            cases.append({"case": "_", "then": self._body(place)})
        return [{"switch": cases}]

    def _list(self) -> str:
        return self._mark + self._draw(st.sampled_from(sorted(LISTS)))

    def _foreach(self, place: Place) -> list[Step]:
        return [{"foreach": {"in": self._list(), "do": self._body(place)}}]

    def _map(self, place: Place) -> list[Step]:
        parallelism = self._draw(st.sampled_from([1, 2, None]))
        inner = place if parallelism == 1 else _beside(place)
        step: Step = {"over": self._list(), "map": self._body(inner)}
        if parallelism is not None:
            step["parallelism"] = parallelism
        if self._draw(st.booleans()):
            step["initial"] = [0]
        if self._draw(st.booleans()):
            step["reduce"] = self._mark + self._draw(st.sampled_from(sorted(REDUCTIONS)))
        return [step]

    def _parallel(self, place: Place) -> list[Step]:
        arms = self._draw(st.integers(1, 3))
        leaving = self._draw(st.sampled_from([None, *range(arms)]))
        places = [
            replace(_beside(place), may_fail=place.may_fail, may_return=place.may_return)
            if arm == leaving
            else replace(_beside(place), keys=place.keys[arm : arm + 1] if leaving is None else ())
            for arm in range(arms)
        ]
        return [{"parallel": [self._body(inner) for inner in places]}]

    def _try(self, place: Place) -> list[Step]:
        caught, tidied = self._draw(st.sampled_from([(True, False), (False, True), (True, True)]))
        step = {"try": self._body(replace(place, may_fail=True) if caught else place)}
        if caught:
            step["catch"] = self._body(replace(place, in_catch=True))
        if tidied:
            step["finally"] = self._body(place)
        return [step]

    def _while(self, place: Place) -> list[Step]:
        counter = next(self._counters, None)
        if counter is None:
            return self._log(place)
        body = self._body(place)
        turn = {"set": {counter: f"{self._mark}state.{counter} + 1"}}
        rest = body if isinstance(body, list) else [body]
        return [{"set": {counter: 0}}, {"while": f"{self._mark}state.{counter} < {MAX_TURNS}", "do": [turn, *rest]}]


def _beside(place: Place) -> Place:
    """A place that something else runs beside."""
    calm = tuple(name for name in place.workflows if name == "calm")
    return replace(place, may_fail=False, may_return=False, keys=(), workflows=calm)
