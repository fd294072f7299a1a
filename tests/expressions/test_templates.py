"""What templates write."""

import pytest

from tasks.expressions.errors import EvaluationError, TemplateSyntaxError
from tasks.expressions.templates.templates import compile_template

SCOPE = {
    "_": {"name": "Ada", "tags": ["x", "y"], "items": [1]},
    "xs": [{"a": 2, "b": "q"}, {"a": 1, "b": "P"}],
    "n": 3,
    "text": "one two  three",
}

ROWS = [
    ("plain { text } $ %", "plain { text } $ %"),
    ("{{ _.name }} {{ _['name'] }} {{ _.tags[0] }} {{ _.items }}", "Ada Ada x [1]"),
    ("{{ nope }}|{{ _.nope }}|{{ _.tags[9] }}|{{ none }}|{{ true }}", "|||None|True"),
    ("{% if nope %}a{% elif n > 2 %}b{% else %}c{% endif %}", "b"),
    ("{% for x in xs %}{{ loop.index }}{{ x.a }}{{ ',' if not loop.last }}{% endfor %}", "12,21"),
    ("{% for x in [] %}a{% else %}b{% endfor %}{% for x in nope %}a{% else %}c{% endfor %}", "bc"),
    ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"),
    ("{% for x in [1, 2, 3] if x != 2 %}{{ x }}{{ loop.length }}{% endfor %}", "1232"),
    ("{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% if x == 3 %}{% break %}{% endif %}{% endfor %}", "13"),
    ("{% for x in 'ab' %}{{ loop.cycle('o', 'e') }}{{ loop.first }}{{ loop.revindex }}{{ loop.nextitem }}{% endfor %}", "oTrue2beFalse1"),
    ("{% for x in [1, 1, 2] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}", "12"),
    ("{% for a in [1, 2] %}{% for b in 'xy' %}{{ a }}{{ b }}{{ loop.depth }}{% endfor %}{% endfor %}", "1x21y22x22y2"),
    ("{% set x = 1 %}{% for i in [1, 2] %}{% set x = i %}{% endfor %}{{ x }}", "1"),
    ("{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6"),
    ("{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t %}<{{ a }}>{% endset %}{{ t }}", "12<1>"),
    ("{% with a = 5 %}{{ a }}{% endwith %}{{ a }}", "5"),
    ("{% macro m(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}{{ m() }}", "[12][13][2]"),
    ("{% macro m() %}({{ caller(7) }}){% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}", "(7)"),
    ("{% macro o() %}{% macro i() %}[{{ caller() if caller }}]{% endmacro %}{{ i() }}{% endmacro %}{% call o() %}X{% endcall %}", "[]"),
    ("{% set ns = namespace(budget=5) %}{{ ns.budget }} {{ [ns] }}{% for i in [1] %}{{ [loop] }}{% endfor %}", "5 [<namespace>][<loop>]"),
    ("{% filter upper %}a{{ 'b' }}{% endfilter %}{% set x | trim | upper %} q {% endset %}{{ x }}", "ABQ"),
    ("{% raw %}{{ x }}{% endraw %}{# note #}", "{{ x }}"),
    ("{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 3 }} {{ -n }} {{ 'a' ~ 1 ~ none }}", "7 3 3 8 -3 a1None"),
    ("{{ 1 < 2 < 3 }} {{ 2 in [1, 2] }} {{ 'x' not in 'abc' }} {{ not n }} {{ n or 1 }} {{ n and 2 }}", "True True True False 3 2"),
    ("{{ 'y' if n == 3 else 'z' }}{{ 'y' if n == 4 }}", "y"),
    ("{{ [1, 'a'] }} {{ (1, 2) }} {{ {'a': 1} }} {{ text[0:3] }}", "[1, 'a'] (1, 2) {'a': 1} one"),
    ("{{ text|upper|replace('ONE', '1') }} {{ text|wordcount }} {{ ' a '|trim }} {{ 'ab'|capitalize }}", "1 TWO  THREE 3 a Ab"),
    ("{{ xs|map(attribute='a')|join('-') }} {{ xs|sum(attribute='a') }} {{ xs|map(attribute='z', default=0)|list }}", "2-1 3 [0, 0]"),
    ("{{ xs|sort(attribute='a')|map(attribute='b')|list }} {{ xs|sort(attribute='b')|map(attribute='b')|join }}", "['P', 'q'] Pq"),
    ("{{ xs|selectattr('a', 'gt', 1)|list|length }} {{ xs|rejectattr('a', 'eq', 1)|first }}", "1 {'a': 2, 'b': 'q'}"),
    ("{{ [1, 2, 3]|select('odd')|list }} {{ [0, 1]|reject|list }} {{ ['a', 'A']|unique|list }}", "[1, 3] [0] ['a']"),
    ("{{ [3, 1, 2]|sort }} {{ [1, 2]|last }} {{ [1, 2]|reverse|list }} {{ 'ab'|reverse }} {{ [2, 1]|min }}{{ [2, 1]|max }}", "[1, 2, 3] 2 [2, 1] ba 12"),
    ("{{ nope|default(value='v') }} {{ ''|default('d', boolean=true) }}", "v d"),
    ("{{ nope|default('d') }} {{ ''|default('d', true) }} {{ nope|d('e') }} {{ nope|length }} {{ nope|join }}", "d d e 0 "),
    ("{{ '3'|int + 1 }} {{ 'x'|int(7) }} {{ '1.5'|float }} {{ 2.567|round(1) }} {{ 2.1|round(0, 'ceil') }} {{ -2|abs }}", "4 7 1.5 2.6 3.0 2"),
    ("{{ {'a': [1]}|tojson }} {{ '<a>'|e }} {{ 'a b'|urlencode }} {{ '<p>a</p>'|striptags }}", '{"a": [1]} &lt;a&gt; a%20b a'),
    ("{{ 'a\nb'|indent(2) }}|{{ 'a\nb'|indent(2, true) }}|{{ 'abc def'|truncate(6, end='.', leeway=0) }}", "a\n  b|  a\n  b|abc."),
    ("{{ {'b': 1, 'a': 2}|dictsort }} {{ [1, 2, 3]|batch(2)|list }} {{ [1, 2, 3]|slice(2)|list }}", "[('a', 2), ('b', 1)] [[1, 2], [3]] [[1, 2], [3]]"),
    ("{% for key, group in xs|groupby('a') %}{{ key }}:{{ group|length }} {% endfor %}", "1:1 2:1 "),
    ("{{ n is defined }} {{ nope is undefined }} {{ n is odd }} {{ n is divisibleby 3 }} {{ none is none }} {{ 'a' is string }} {{ xs is sequence }} {{ _ is mapping }} {{ n is eq 3 }} {{ 3 is in [3] }}", " ".join(["True"] * 10)),
    ("{{ dump_json(_.tags) }} {{ len(xs) }} {{ math.floor(2.5) }} {{ re.findall('o', text)|length }} {{ NEWLINE }}|", '["x", "y"] 2 2 2 \n|'),
    ("{{ text.upper() }} {{ _.tags.index('y') }} {{ _.get('z', 1) }} {{ ','.join(_.tags) }}", "ONE TWO  THREE 1 1 x,y"),
    ("{% if true %}\n  a\n{% endif %}\nb\n", "  a\nb"),
    ("  {% if true %}\nx{% endif %}", "x"),
    ("a {%- if true %} b {%- endif %}", "a b"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), ROWS, ids=[source[:70] for source, _ in ROWS])
def test_rendering(source, expected):
    assert compile_template(source).render(SCOPE) == expected


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("a\n{{ nope.x }}", "nope is not defined", 2),
        ("{{ _.nope.x }}", "_.nope is not defined", 1),
        ("{{ nope.x() }}", "nope is not defined", 1),
        ("{{ nope['x'] }}", "nope is not defined", 1),
        ("\n\n{% for x in xs %}\n{{ x.a.b.c }}{% endfor %}", "has no attribute b", 4),
        ("{{ nope + 1 }}", "nope is not defined", 1),
        ("{{ foo() }}", "there is no function 'foo'", 1),
        ("{{ text.upper }}", "call it", 1),
        ("{{ 1 / 0 }}", "zero", 1),
        ("{% for a in 5 %}{% endfor %}", "not a list", 1),
        ("{{ xs|map('nope')|list }}", "there is no filter", 1),
        ("{% for a, b in [[1, 2, 3]] %}{% endfor %}", "unpack", 1),
        ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "at most 1", 1),
        ("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "cannot take 'b'", 1),
        ("{{ 'a' + 1 }}", "str(...)", 1),
    ],
)
def test_failures_name_the_line(source, words, line):
    with pytest.raises(EvaluationError) as caught:
        compile_template(source).render(SCOPE)
    assert words in caught.value.message
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("source", "line"),
    [("{{", 1), ("a\n{% if %}", 2), ("{% nope %}", 1), ("{{ 1 + }}", 1), ("{% for x in y %}", 1), ("{{ 'a }}", 1), ("{% break %}", 1), ("{% for x in y %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", 1), ("{{ " + "9" * 5000 + " }}", 1)],
)  # fmt: skip
def test_syntax_errors_name_the_line(source, line):
    with pytest.raises(TemplateSyntaxError) as caught:
        compile_template(source)
    assert caught.value.line == line
