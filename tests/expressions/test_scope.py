"""The scope: lazy values, objects of the engine, hiding, and that nothing in it can be changed."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.expressions.errors import EvaluationError
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template
from tasks.expressions.values import Lazy


class Steps:
    """Finished steps by index or label, as the engine supplies them."""

    def __init__(self, outputs):
        self.outputs = outputs

    def get_item(self, key):
        if isinstance(key, int):
            return self.outputs[key]
        raise KeyError(f"there is no step {key!r}")

    def get_attribute(self, name):
        if name == "first":
            return self.outputs[0]
        raise AttributeError(name)

    def length(self):
        return len(self.outputs)

    def iterate(self):
        return iter(self.outputs)

    def to_json(self):
        return list(self.outputs)


def test_a_lazy_value_is_read_once_and_only_when_named(evaluate):
    reads = []
    agent = Lazy(lambda: reads.append(1) or {"name": "Ada"})
    assert evaluate("1 + 1", agent=agent) == 2
    assert reads == []
    assert evaluate("agent.name + agent.name", agent=agent) == "AdaAda"
    assert compile_template("{{ agent.name }}").render({"agent": agent}) == "Ada"
    assert reads == [1]


def test_failures_of_the_callers_store_pass_through(evaluate):
    class StoreDown(Exception):
        pass

    def read():
        raise StoreDown

    with pytest.raises(StoreDown):
        evaluate("agent.name", agent=Lazy(read))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("steps[0]", "a"),
        ("steps[-1]", "c"),
        ("steps.first", "a"),
        ("len(steps)", 3),
        ("[s for s in steps]", ["a", "b", "c"]),
        ("steps", ["a", "b", "c"]),
        ("{'x': [steps]}", {"x": [["a", "b", "c"]]}),
        ("'b' in steps", True),
        ("steps == ['a', 'b', 'c']", True),
        ("steps[1:]", ["b", "c"]),
        ("steps.get(0), steps.get('x', 5)", ["a", 5]),
        ("list(steps) + sorted(steps)", ["a", "b", "c"] * 2),
        ("str(steps)", "['a', 'b', 'c']"),
        ("dump_json({'s': steps})", '{"s": ["a", "b", "c"]}'),
        ("'yes' if steps else 'no'", "yes"),
        ("f'{steps}'", "['a', 'b', 'c']"),
    ],
)
def test_objects_of_the_engine(evaluate, source, expected):
    assert evaluate(source, steps=Steps(["a", "b", "c"])) == expected


@pytest.mark.parametrize("source", ["steps['x']", "steps[9]", "steps.second", "steps.append(1)"])
def test_what_an_object_does_not_have(evaluate, source):
    with pytest.raises(EvaluationError):
        evaluate(source, steps=Steps(["a"]))


def test_objects_of_the_engine_in_templates(render):
    source = "{% for s in steps %}{{ s }}{% endfor %}{{ steps[0] }}{{ steps.first }}{{ steps['x'] }}{{ steps.nope }}"
    assert render(source, steps=Steps(["a", "b"])) == "abaa"


def test_names_hide_each_other_as_documented(evaluate):
    assert evaluate("list", list=[1]) == [1]
    assert evaluate("list((1,))", list=[5]) == [1]
    assert evaluate("true", true=5) is True
    assert evaluate("time.time() > 5", time={"time": 1}) is True
    assert evaluate("[date for date in [1]]") == [1]
    assert evaluate("first_name + _", first_name="a", _="b") == "ab"


MUTATIONS = [
    "_.list + [9]",
    "[*_.list, 9]",
    "sorted(_.list, reverse=True)",
    "reversed(_.list)",
    "random.shuffle(_.list)",
    "{**_, 'new': 1}",
    "_ | {'new': 1}",
    "dict(_, new=1)",
    "sum([_.list, [1]], [])",
    "sum([[1], [2]], _.list)",
    "list(_.list)",
    "_.copy()",
    "map(str, _.list)",
    "reduce(max, _.list)",
]


@pytest.mark.parametrize("source", MUTATIONS)
def test_inputs_stay_as_they_are(evaluate, source):
    scope = {"_": {"list": [3, 1, 2], "object": {"a": [1]}}}
    before = copy.deepcopy(scope)
    evaluate(source, **scope)
    assert scope == before


@pytest.mark.parametrize(
    "name",
    [
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "clear",
        "sort",
        "reverse",
        "update",
        "setdefault",
        "popitem",
        "__setitem__",
        "__delitem__",
        "add",
        "discard",
    ],
)
@pytest.mark.parametrize("value", ["[1]", "{'a': 1}", "{1}"])
def test_no_method_changes_a_value(evaluate, render, name, value):
    for arguments in ("", "1", "0, 1"):
        with pytest.raises(EvaluationError):
            evaluate(f"{value}.{name}({arguments})")


def test_results_of_templates_do_not_change_inputs(render):
    scope = {"xs": [3, 1], "d": {"b": 1, "a": 2}}
    before = copy.deepcopy(scope)
    render("{{ xs|sort }}{{ d|dictsort }}{{ xs|reverse|list }}{% set xs = xs + [1] %}{{ xs }}", **scope)
    assert scope == before


def test_threads_share_compiled_sources():
    expression = compile_expression("[x + _ for x in range(200)][-1] + sum(y * _ for y in range(50))")
    template = compile_template(
        "{% set ns = namespace(n=0) %}{% for i in range(50) %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}"
    )

    def work(number):
        return expression.evaluate({"_": number}), template.render({"x": number})

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(100)))
    assert results == [(199 + n + 1225 * n, str(50 * n)) for n in range(100)]


def test_one_budget_over_several_evaluations(evaluate):
    budget = Budget(fuel=3_000)
    expression = compile_expression("[x for x in range(500)]")
    expression.evaluate({}, budget)
    with pytest.raises(EvaluationError, match="units of work"):
        for _ in range(5):
            expression.evaluate({}, budget)
