"""What each kind of syntax gives; most rows are plain Python, so Python's own answer is written beside them."""

import pytest

from tasks.expressions.errors import ExpressionSyntaxError, UnsupportedFeature
from tasks.expressions.expression import compile_expression

ORDER = {"id": 7, "lines": [{"name": "tea", "price": 2.5}, {"name": "milk", "price": 1.0}], "items": [1, 2]}

ROWS = [
    ("1 + 2 * 3 - 4 / 2", 5.0),
    ("7 // 2, 7 % 4, -7 // 2, 2 ** 10, 2 ** -1", [3, 3, -4, 1024, 0.5]),
    ("6 & 3, 6 | 3, 6 ^ 3, ~6, 1 << 4, 16 >> 2", [2, 7, 5, -7, 16, 4]),
    ("1 < 2 < 3, 1 < 3 < 2, 1 == 1.0, 1 != 2, 3 >= 3", [True, False, True, True, True]),
    ("1 in [1, 2], 'b' not in 'abc', 'id' in _, 3 in range(5)", [True, False, True, True]),
    ("None is None, 1 is not None", [True, True]),
    ("0 or 'a', 1 and 'b', not 0, [] or {}", ["a", "b", True, {}]),
    ("'yes' if _.id > 5 else 'no'", "yes"),
    ("-3, +3, not True", [-3, 3, False]),
    ("[1, *[2, 3]], (1, *(2,)), {**{'a': 1}, 'b': 2}", [[1, 2, 3], [1, 2], {"a": 1, "b": 2}]),
    ("sorted({3, 1, 3, *[2]})", [1, 2, 3]),
    ("[x * y for x in range(3) if x for y in (1, 10)]", [1, 10, 2, 20]),
    ("{k: v for k, v in {'a': 1}.items()}", {"a": 1}),
    ("[a + c for a, (b, c) in [(1, (2, 3))]]", [4]),
    ("[[y for y in range(x)] for x in range(3)]", [[], [0], [0, 1]]),
    ("sum(x for x in [1, 2])", 3),
    ("any(1 / x > 0 for x in [1, 0])", True),
    ("[x for x in [[x for x in [1]], [2]]]", [[1], [2]]),
    ("f'{_.id:>4}|{1 / 3:.2f}|{_.id!r}|{\"a\"!r}|{{}}'", "   7|0.33|7|'a'|{}"),
    ("f'{1:{2 + 3}}'", "    1"),
    ("'abcdef'[1:4], 'abc'[-1], [1, 2, 3][::-1], (1, 2)[0]", ["bcd", "c", [3, 2, 1], 1]),
    ("_['lines'][0]['name'] + _.lines[1].name", "teamilk"),
    ("_.items, len(_.items())", [[1, 2], 3]),
    ("'a' 'b' + \"c\" * 2", "abcc"),
    ("[1, 2] + [3], [0] * 2, (1,) + (2,)", [[1, 2, 3], [0, 0], [1, 2]]),
    ("'%s is %05.1f%%' % ('x', 2)", "x is 002.0%"),
    ("'%(a)s' % {'a': 1}", "1"),
    ("true, false, null, NEWLINE", [True, False, None, "\n"]),
    ("0x10 + 0b1 + 1_000", 1017),
    ("max(*[1, 2], 3), dict(**{'a': 1})", [3, {"a": 1}]),
    ("1 if [] else 2 if 0 else 3", 3),
    ("'a' < 'b', [1, 2] < [1, 3], (1,) <= (1,)", [True, True, True]),
    ("{'a': [1]} == {'a': [1.0]}, [1] == (1,)", [True, False]),
    ("{'a': 1} | {'b': 2}", {"a": 1, "b": 2}),
    ("str.upper('a')", "A"),
]


@pytest.mark.parametrize(("source", "expected"), ROWS, ids=[source for source, _ in ROWS])
def test_syntax(evaluate, source, expected):
    result = evaluate(source, _=ORDER)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'a\nb'.split('\n')", ["a", "b"]),
        ("'''a\nb'''", "a\nb"),
        ("f'a\n{1}'", "a\n1"),
        ("1 +\n 2", 3),
        ("[1, # one\n 2]", [1, 2]),
        ("  5  ", 5),
        (r"'\d\.\w'", "\\d\\.\\w"),
        (r"r'\n'", "\\n"),
        ("r'a\nb'", "a\nb"),
        (r"'\x41\u00e9\'\\'", "Aé'\\"),
        (r"re.findall('\d+', 'a12')", ["12"]),
        ("'# no comment'", "# no comment"),
        ("'(' * 2", "(("),
    ],
)
def test_text_of_the_source(evaluate, source, expected):
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "",
        "   ",
        "1 +",
        "a = 5",
        "1; 2",
        "import os",
        "for x in y: pass",
        "'open",
        "(1",
        "1)",
        "a b",
        "1 2",
        "\x00",
        "'\ud800'",
        "*a",
        "f'{'",
        "def",
        "x y z",
        "1if 2 else 3",
        "[0x1for x in y]",
        "1.5or 2",
        "'a' \\",
    ],
)
def test_syntax_errors(source):
    with pytest.raises(ExpressionSyntaxError):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    ["lambda x: x", "{x for x in []}", "(y := 1)", "[(y := x) for x in []]", "(yield)", "(await x)", "1j", "b'x'", "...", "a[1:2, 3]", "[x async for x in y]", "nlp('a')", "humanize_text_alpha(_)", "open('x')", "re.compile('x')", "csv.field_size_limit(1)", "[0 for x[0] in y]"],
)  # fmt: skip
def test_unsupported(source):
    with pytest.raises(UnsupportedFeature):
        compile_expression(source)


def test_comprehension_variables_do_not_leak(evaluate):
    assert evaluate("[[x for x in [1]], x]", x=5) == [[1], 5]


def test_generators_keep_their_own_variables(evaluate):
    assert evaluate("[list(g) for g in [(x * y for y in [1, 2]) for x in [1, 10]]]") == [[1, 2], [10, 20]]
