"""What may be evaluated beside other work of a process is told from the source alone."""

import pytest

from agents.system_template import DEFAULT_SYSTEM_TEMPLATE
from tasks.expressions import light
from tasks.expressions.expression import compile_expression
from tasks.expressions.functions import FUNCTIONS, MODULES
from tasks.expressions.methods import METHODS
from tasks.expressions.templates.template_lookup import FILTERS
from tasks.expressions.templates.templates import compile_template


@pytest.mark.parametrize(
    "source",
    [
        "_",
        "_.name",
        "_['n'] + 1",
        "f'{_.name}: {_.n:.2f}'",
        "steps[0].output.text",
        "[x.id for x in _ if x.score > 0.5]",
        "{'a': _.a, **_}",
        "len(_.items) > 3 and not _.done",
        "_.get('key', 'none').lower()",
        "get('count', 0) + 1",
    ],
)
def test_light_expressions(source):
    assert compile_expression(source).is_light


@pytest.mark.parametrize(
    "source",
    [
        "set(_)",
        "{1, 2}",
        "{_: 1}",
        "{x: 1 for x in _}",
        "sorted(_)",
        "re.search(_, 'a')",
        "load_json(_)",
        "[len][0](_)",
        "_.items(key=set)",
        "{'f': set}.f(_)",
        "{'get': set}['get'](_)",
        "statistics.mode(_)",
        "(set if 1 else len)(_)",
        "reduce(max, _)",
        "_.union(_)",
        "f'{[sorted(_)]}'",
    ],
)
def test_heavy_expressions(source):
    assert not compile_expression(source).is_light


@pytest.mark.parametrize(
    "source",
    [
        "{{ user.name }}",
        "{% for tool in tools %}{{ loop.index }}. {{ tool.name | upper }}{% endfor %}",
        "{% macro m(x) %}{{ x | default('nobody') }}{% endmacro %}{{ m(user.name) }}",
        "{{ {'a': 1}['a'] }}",
        DEFAULT_SYSTEM_TEMPLATE,
    ],
)
def test_light_templates(source):
    assert compile_template(source).is_light


@pytest.mark.parametrize(
    "source",
    [
        "{{ set(range(3)) | length }}",
        "{{ docs | unique | list }}",
        "{{ docs | map('unique') | list }}",
        "{{ docs | select('in', x) | list }}",
        "{% set f = set %}{{ f(docs) }}",
        "{% if false %}{% set set = 1 %}{% endif %}{{ set(docs) }}",
        "{% set n = namespace(f=set) %}{{ n.f(docs) }}",
        "{% macro m(f) %}{{ f(docs) }}{% endmacro %}{{ m(sorted) }}",
        "{{ {1: 2} }}",
        "{{ {docs: 2} }}",
        "{% filter unique %}x{% endfilter %}",
        "{{ re.search('a', docs) }}",
    ],
)
def test_heavy_templates(source):
    assert not compile_template(source).is_light


def test_the_list_names_what_there_is():
    assert light.FUNCTIONS - {"namespace"} <= FUNCTIONS.keys() | MODULES.keys()
    assert light.METHODS - {"cycle", "changed"} <= {name for names in METHODS.values() for name in names}
    assert FILTERS.functions.keys() >= light.FILTERS
