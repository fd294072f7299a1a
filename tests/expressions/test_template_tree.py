"""Expressions in templates are compiled as those outside, whatever notation they have."""

import pytest
from jinja2 import nodes

from tasks.expressions.errors import LimitExceeded, UnsupportedFeature
from tasks.expressions.expression import compile_expression
from tasks.expressions.templates import template_tree
from tasks.expressions.templates.templates import compile_template

SCOPE = {"_": {"a": [1, 2, 3], "b": "text", "n": 7}, "xs": [{"k": 1}, {"k": 2}]}

SAME_IN_BOTH = [
    "1 + 2 * 3 - 7 // 2 % 4 / 5 ** 2",
    "-_.n + +_.n - 2",
    "_.n > 3 and not _.n < 2 or 1",
    "1 < 2 <= 2 != 3 == 3 >= 1",
    "2 in _.a and 9 not in _.a",
    "_.a[0] + _['a'][-1]",
    "[_.a[1:], _.a[:2], _.a[::2], _.b[1:3]]",
    "'yes' if _.n == 7 else 'no'",
    "{'a': [1, (2, 3)], 'b': {'c': _.b}}",
    "len(_.a) + max(1, 2) + math.floor(2.5)",
    "_.b.upper().replace('T', 't', 1)",
    "sorted(_.a, reverse=true)",
    "'%s and %d' % (_.b, _.n)",
    "xs[1].k",
    "get('count', 5)",
]


@pytest.mark.parametrize("source", SAME_IN_BOTH)
def test_what_both_notations_have_means_the_same(source: str) -> None:
    inside, outside = compile_template("{{ dump_json(" + source + ") }}"), compile_expression(f"dump_json({source})")

    assert inside.render(SCOPE) == outside.evaluate(SCOPE)
    assert inside.names == outside.names


def _kinds(kind: type[nodes.Node]) -> set[type[nodes.Node]]:
    return {kind}.union(*map(_kinds, kind.__subclasses__()))


_ABSTRACT = {nodes.Expr, nodes.BinExpr, nodes.UnaryExpr, nodes.Literal}
_OF_ANOTHER_NODE = {nodes.TemplateData, nodes.NSRef, nodes.Operand}
_MADE_BY_EXTENSIONS = {
    nodes.ContextReference,
    nodes.DerivedContextReference,
    nodes.EnvironmentAttribute,
    nodes.ExtensionAttribute,
    nodes.ImportedName,
    nodes.InternalName,
    nodes.MarkSafe,
    nodes.MarkSafeIfAutoescape,
}


def test_every_kind_of_node_is_lowered_or_left_out_on_purpose() -> None:
    kinds = {kind for kind in _kinds(nodes.Expr) if kind.__module__ == "jinja2.nodes"}
    known = _ABSTRACT | _OF_ANOTHER_NODE | _MADE_BY_EXTENSIONS

    assert kinds - known - {nodes._FilterTestCommon} == template_tree._HANDLERS.keys()
    with pytest.raises(UnsupportedFeature, match="MarkSafe is not supported"):
        template_tree.lowered(nodes.MarkSafe(nodes.Const(1), lineno=1))


def test_long_chains_are_flat(render) -> None:
    assert render("{{ " + " + ".join(["1"] * 4_500) + " }}") == "4500"
    assert render("{{ " + " or ".join(["0"] * 4_500) + " or 7 }}") == "7"
    assert render("{{ " + " ~ ".join(["1"] * 4_500) + " }}") == "1" * 4_500
    assert render("{{ x" + "['x']" * 100 + " is undefined }}", x=_itself()) == "False"
    with pytest.raises(LimitExceeded):
        compile_template("{{ x" + ".x" * 101 + " }}")


def _itself() -> dict:
    value: dict = {}
    value["x"] = value
    return value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% macro m(x) %}{{ 10 - x }}{% endmacro %}{{ sorted([1, 2], key=m) }}", "[2, 1]"),
        ("{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}", "1112"),
        ("{% macro m(budget, self=1) %}{{ budget }}{{ self }}{% endmacro %}{{ m(budget=2, self=3) }}", "23"),
        ("{% macro m() %}{% endmacro %}{{ m is callable }}", "True"),
        ("{% macro a() %}{{ b() if b }}{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}{{ a() }}", "bb"),
        ("{% set ns = namespace() %}{% macro m(x) %}[{{ x }}]{% endmacro %}{% set ns.f = m %}{{ ns.f(1) }}", "[1]"),
    ],
)
def test_macros_are_functions(render, source: str, text: str) -> None:
    assert render(source) == text


def test_macros_that_fail_leave_the_depth_as_it_was(render) -> None:
    source = "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}.{% endmacro %}"
    assert render(source + "{% for i in range(30) %}{{ m(9) }}{% endfor %}") == "." * 300
    with pytest.raises(LimitExceeded, match="macros"):
        render(source + "{{ m(10) }}")


def test_warnings() -> None:
    assert [issue.message for issue in compile_template("{{ n / 0 }}").issues] == ["division by zero"]
    assert compile_template("{{ [1, 2][5] }}").issues == ()
