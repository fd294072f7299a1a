"""What a call costs in fuel grows with what it does, so that the clock is looked at while much is done."""

import math

import pytest

from tasks.expressions.expression import compile_expression
from tasks.expressions.functions import FUNCTIONS
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template
from tests.effort import calls_made

LONG = "a" * 400_000


def fuel(source: str, **scope: object) -> int:
    """What an expression uses; a template when it is written as one."""
    budget = Budget(cpu_seconds=math.inf)
    before = budget.fuel
    if source.startswith("{"):
        compile_template(source).render(scope, budget)
    else:
        compile_expression(source).evaluate(scope, budget)
    return before - budget.fuel


@pytest.mark.parametrize(
    ("source", "scope"),
    [
        ("'b'.strip(x)", {"x": LONG}),
        ("len(x.expandtabs(-1))", {"x": LONG}),
        ("a == b", {"a": LONG.encode(), "b": LONG.encode()}),
        ("a < b", {"a": LONG.encode(), "b": LONG.encode()}),
        ("len(sorted([a, b]))", {"a": LONG.encode(), "b": LONG.encode()}),
        ("len(sorted([a, b]))", {"a": set(range(9_000)), "b": set(range(9_000))}),
        ("{% set n = namespace(x) %}{{ n.a }}", {"x": dict.fromkeys(map(str, range(9_000)), 1)}),
        ("{{ x is lower }}", {"x": LONG}),
        ("{{ x is upper }}", {"x": LONG.upper()}),
        ("{{ x | striptags | length }}", {"x": LONG[:200_000]}),
    ],
)
def test_large_values_have_their_price(source: str, scope: dict[str, object]) -> None:
    assert fuel(source, **scope) > 500


def test_a_value_of_no_known_type_is_told_from_the_engines_own_in_little_work() -> None:
    expression = compile_expression("f in items")
    items = [1] * 1_000

    calls = calls_made(lambda: expression.evaluate({"f": FUNCTIONS["len"], "items": items}))

    assert calls < 20 * len(items)


def test_a_line_is_wrapped_at_any_width() -> None:
    text = "word " * 15_000
    for width in (1, 12, 10**9):
        wrapped = compile_template("{{ text | wordwrap(width) }}").render({"text": text, "width": width})
        assert wrapped.split() == text.split()
        assert max(map(len, wrapped.split("\n"))) <= max(4, width)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_sets_are_ordered_by_what_is_part_of_what(order: tuple[str, str]) -> None:
    scope = {"a": {1}, "b": {1, 2}}
    items = f"sorted([(0, {order[0]}), (0, {order[1]})])"

    assert compile_expression(f"[len(s) for n, s in {items}]").evaluate(scope) == [1, 2]
