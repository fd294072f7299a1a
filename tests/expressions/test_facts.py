"""What is known of a text before it runs."""

import pytest

from tasks.expressions.expression import compile_expression
from tasks.expressions.templates.templates import compile_template


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("_.a + steps[0].b", {"_", "steps"}),
        ("[x + y for x in xs]", {"y", "xs"}),
        ("[x for x in x]", {"x"}),
        ("[y for x in xs for y in x if y > z]", {"xs", "z"}),
        ("len(xs)", {"xs"}),
        ("sorted(xs, key=len)", {"xs"}),
        ("foo(xs)", {"foo", "xs"}),
        ("math.pi + true", set()),
        ("get('k')", {"state"}),
        ("f'{a}{b:{c}}'", {"a", "b", "c"}),
        ("dark_mode", {"dark_mode"}),
    ],
)
def test_names(source, names):
    assert compile_expression(source).names == names


def test_functions_and_modules_named():
    expression = compile_expression("sorted(map(str, _), key=len) + [datetime.now().year, random, math.pi]")
    assert expression.functions_called == {"sorted", "map"}
    assert expression.functions_named == {"str", "len"}
    assert expression.module_attributes == {"datetime.now", "math.pi"}
    assert expression.modules_named == {"random"}
    assert compile_expression("true").constants_named == {"true"}
    assert expression.mentions(["_"]) and not expression.mentions(["steps"])


@pytest.mark.parametrize(
    ("source", "is_literal"),
    [("24*3600", True), ("'hi'", True), ("[1, {'a': -2}]", True), ("1 if 2 > 1 else 3", True), ("f'{1}'", True), ("len('a')", False), ("a", False), ("'a'.upper()", False), ("[1 for x in [2]]", False)],
)  # fmt: skip
def test_literals_and_operators_only(source, is_literal):
    assert compile_expression(source).is_literal is is_literal


@pytest.mark.parametrize(
    ("source", "issue_type"),
    [
        ("_.__class__", "unsafe_operations"),
        ("_._x()", "unsafe_operations"),
        ("1 / 0", "potential_runtime_errors"),
        ("_ % 0", "potential_runtime_errors"),
        ("[1, 2][5]", "potential_runtime_errors"),
        ("[1, 2][-3]", "potential_runtime_errors"),
    ],
)
def test_issues(source, issue_type):
    assert [issue.issue_type for issue in compile_expression(source).issues] == [issue_type]


@pytest.mark.parametrize("source", ["_ / 2", "[1, 2][1]", "[1, 2][-2]", "[*_][5]", "'%d' % 0", "{'a': 1}['b']"])
def test_no_issues(source):
    assert compile_expression(source).issues == ()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{{ a.b }}{{ c|default(d) }}", {"a", "c", "d"}),
        ("{% for x in xs %}{{ x }}{{ loop.index }}{{ y }}{% endfor %}", {"xs", "y"}),
        ("{% for x in xs %}{% endfor %}{{ x }}", {"xs", "x"}),
        ("{% set a = b %}{{ a }}", {"b"}),
        ("{% macro m(p) %}{{ p }}{{ q }}{{ caller() }}{% endmacro %}{{ m(r) }}", {"q", "r"}),
        ("{% with a = b %}{{ a }}{% endwith %}", {"b"}),
        ("{{ len(x) }}{{ dump_json(y) }}{{ get('k') }}", {"x", "y", "state"}),
        ("{% set ns = namespace(n=1) %}{% set ns.n = z %}", {"z"}),
        ("{{ foo() }}", {"foo"}),
        ("{{ true }}{{ none }}{{ math.pi }}", set()),
    ],
)
def test_template_names(source, names):
    assert compile_template(source).names == names
