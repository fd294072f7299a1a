"""A fold costs what its turns add: long ones pass on the one budget of a step, hostile ones do not."""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest

from tasks.expressions.errors import LimitExceeded
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import MAX_FUEL, MAX_SIZE, Budget
from tasks.language.values import ExpressionValue
from tasks.steps.kinds.map_reduce import MapReduce
from tasks.steps.outcomes import ChildrenJoined, Done
from tests.language.context import PlainContext
from tests.language.programs import step

MANY, SOME = 5_000, 200
# Each with what it starts with and what one turn does. They cost what they add, or give something small.
CHEAP: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "results + [_]": ([], lambda results, item: [*results, item]),
    "results + [_, [len(results)]]": ([], lambda results, item: [*results, item, [len(results)]]),
    "[*results, _]": ([], lambda results, item: [*results, item]),
    "{**results, str(_): _}": ({}, lambda results, item: {**results, str(item): item}),
    "{**results, 'last': _, _: 1}": ({}, lambda results, item: {**results, "last": item, str(item): 1}),
    "results if _ % 2 else results + [_]": ([], lambda results, item: results if item % 2 else [*results, item]),
    "results + _": (7, lambda results, item: results + item),
    "max(results, _)": (0, max),
    "_": (None, lambda results, item: item),
}


@pytest.mark.parametrize("expression", CHEAP)
def test_a_fold_of_many_items_stays_far_below_the_limits(expression: str) -> None:
    initial, turn = CHEAP[expression]
    value, budget = ExpressionValue(compile_expression(expression)), Budget(cpu_seconds=math.inf)

    value.fold(range(MANY), initial, {}, budget)

    assert MAX_FUEL - budget.fuel < MAX_FUEL / 5
    assert MAX_SIZE - budget.size < MAX_SIZE / 5
    assert value.fold(range(SOME), initial, {}, Budget(cpu_seconds=math.inf)) == reduce(turn, range(SOME), initial)


def test_a_map_of_many_items_is_reduced() -> None:
    assert folded("results + [_ * 2]", list(range(MANY)), ["first"]) == ["first", *range(0, 2 * MANY, 2)]


def folded(expression: str, items: list[Any], initial: Any) -> Any:
    reducing = step({"over": "_", "map": {"log": "x"}, "reduce": expression, "initial": initial})
    assert isinstance(reducing, MapReduce)
    assert reducing.folds
    outcome = reducing.resume(PlainContext(), ChildrenJoined(items))
    assert isinstance(outcome, Done)
    return outcome.value


def test_a_fold_starts_anew_each_time() -> None:
    reducing = step({"over": "_", "map": {"log": "x"}, "reduce": "results + [_]", "initial": ["first"]})
    for _ in range(2):
        assert reducing.resume(PlainContext(), ChildrenJoined([1, 2])) == Done(["first", 1, 2])


def test_what_a_turn_adds_shares_nothing_with_the_results() -> None:
    assert folded("results + [results, _][:1]", [1, 2, 3], []) == [[], [[]], [[], [[]]]]
    assert folded("{**results, 'before': results, 'n': _}", [1, 2], {"n": 0}) == {
        "n": 2,
        "before": {"n": 1, "before": {"n": 0}},
    }


def test_the_items_stay_as_they_are() -> None:
    items = [{"a": [1]}, {"a": [2]}]
    assert folded("results + [_.a + [0]]", items, []) == [[1, 0], [2, 0]]
    assert items == [{"a": [1]}, {"a": [2]}]


@pytest.mark.parametrize(
    ("expression", "initial"),
    [
        ("results + results + [_]", [1]),
        ("results + [_] * 190000", []),
        ("results + ['x' * 1000000 + str(_)]", []),
        ("[[results, results]] + [_]", []),
        ("{**results, 'x' * 900000 + str(_): 1}", {}),
        ("sorted(results + [_])", []),
        ("results + [_, sum(range(100000))]", []),
        ("[x for x in results] + [_]", []),
    ],
)
def test_a_hostile_fold_is_stopped(expression: str, initial: Any) -> None:
    with pytest.raises(LimitExceeded):
        folded(expression, list(range(20_000)), initial)


def test_an_object_is_folded_field_by_field() -> None:
    reducing = step({"over": "_", "map": {"log": "x"}, "reduce": {"n": "$ len(results)", "last": "$ _"}})
    assert reducing.resume(PlainContext(), ChildrenJoined([5, 6])) == Done({"n": 2, "last": 6})
