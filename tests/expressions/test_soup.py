"""Random text and random programs: they give a value or one of our errors, and nothing else happens."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.expressions.errors import ExpressionError
from tasks.expressions.expression import compile_expression
from tasks.expressions.functions import FUNCTIONS, MODULES
from tasks.expressions.methods import METHODS
from tasks.expressions.templates.template_filters import FILTERS, TESTS
from tasks.expressions.templates.templates import compile_template

_SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

_SCOPE = {"_": {"a": [1, "x", None, {"b": 2.5}], "items": "text"}, "xs": [[1, 2], "ab", {}], "n": 7, "state": {}}

_VALUES = ["_", "xs", "n", "1", "0", "-1", "1.5", "'ab'", "''", "[]", "{}", "(1, 2)", "None", "true", "{1, 'a'}", "'%s'", "10 ** 9", "nope", "_.a", "xs[0]", "range(5)", "'a' * 9", "datetime.now()", "(x for x in xs)", "re.search('a', 'a')"]  # fmt: skip
_METHODS = sorted({name for table in METHODS.values() for name in table} | {"format", "append", "__class__", "mro"})
_CALLS = sorted(FUNCTIONS) + [
    f"{module}.{member}" for module, found in MODULES.items() for member in found.members if module != "urllib"
]
_BINARY = ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "<", "<=", "==", "!=", "in", "not in", "is", "and", "or"]  # fmt: skip

_expressions = st.recursive(
    st.sampled_from(_VALUES),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(_BINARY), inner),
        st.builds("{}({})".format, st.sampled_from(_CALLS), st.lists(inner, max_size=3).map(", ".join)),
        st.builds("{}.{}({})".format, inner, st.sampled_from(_METHODS), st.lists(inner, max_size=2).map(", ".join)),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}[{}:{}]".format, inner, inner, inner),
        st.builds("[{} for x in {} if {}]".format, inner, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds(
            "f'{{{}:{}}}'".format,
            inner.filter(lambda text: "'" not in text),
            st.sampled_from(["", ">9", ".3", "x", "%Y"]),
        ),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("sorted({}, key={})".format, inner, st.sampled_from(sorted(FUNCTIONS))),
    ),
    max_leaves=8,
)

_templates = st.lists(
    st.one_of(
        st.builds("{{{{ {} }}}}".format, _expressions.filter(lambda text: "for x" not in text)),
        st.builds("{{{{ {}|{} }}}}".format, st.sampled_from(_VALUES[:16]), st.sampled_from(sorted(FILTERS.functions))),
        st.builds("{{{{ {} is {} }}}}".format, st.sampled_from(_VALUES[:16]), st.sampled_from(sorted(TESTS.functions))),
        st.builds(
            "{{% for x in {} %}}{{{{ x }}}}{{{{ loop.index }}}}{{% endfor %}}".format, st.sampled_from(_VALUES[:16])
        ),
        st.builds("{{% set y = {} %}}{{{{ y }}}}".format, st.sampled_from(_VALUES[:16])),
        st.text(max_size=10),
    ),
    max_size=5,
).map("".join)


@contextmanager
def _harmless() -> Iterator[None]:
    before = json.dumps(_SCOPE)
    try:
        yield
    except ExpressionError as error:
        assert error.message
    assert json.dumps(_SCOPE) == before


def _evaluate(source: str) -> None:
    with _harmless():
        json.dumps(compile_expression(source).evaluate(_SCOPE), allow_nan=False).encode()


def _render(source: str) -> None:
    with _harmless():
        compile_template(source).render(_SCOPE).encode()


@_SETTINGS
@given(_expressions)
def test_random_programs(source):
    _evaluate(source)


@_SETTINGS
@given(st.text(max_size=60))
def test_random_text(source):
    _evaluate(source)


@_SETTINGS
@given(st.text(alphabet="()[]{}'\"\\f.,:+-*x_1 \nrb#=if", max_size=40))
def test_random_punctuation(source):
    _evaluate(source)


@_SETTINGS
@given(_templates)
def test_random_templates(source):
    _render(source)


@_SETTINGS
@given(st.text(alphabet="{}%#-|.()[]'\"ab1 \nforifsetin", max_size=50))
def test_random_template_text(source):
    _render(source)
