"""The grammar is ours: the same on every Python, f-strings as in 3.12, any word after a dot."""

import ast
import random
import sys
from collections import Counter

import pytest

from tasks.expressions.compiling.source import parse
from tasks.expressions.errors import ExpressionError, ExpressionSyntaxError, LimitExceeded, UnsupportedFeature
from tasks.expressions.expression import compile_expression
from tests.expressions.python_sources import random_source

SCOPE = {
    "a": 1,
    "name": "Ann",
    "lines": ["x", "y"],
    "price": 2.5,
    "width": 6,
    "from": 3,
    "None": 4,
    "input": {"class": 5},
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # The quotes around a field may stand in it.
        ('f"{_["name"]}"', "Ann"),
        ("f'{_['name']} and {'b' 'c'}'", "Ann and bc"),
        ('f"""{_["""name"""]}"""', "Ann"),
        ('f"{f"{f"{_["a"] + 1}"}"}"', "2"),
        ("f'{', '.join(f'{line!r}' for line in _['lines']) if _['lines'] else ''}'", "'x', 'y'"),
        ("f'{', '.join([f'<{line}>' for line in _['lines']])}'", "<x>, <y>"),
        ("f'{ {'a': 1}['a'] }'", "1"),
        # Backslashes, comments and line breaks may stand in it, too.
        (r"f'''Lines: { '\n'.join(_.lines) }'''", "Lines: x\ny"),
        (r"f'{'\n'.join(_.lines)}\n'", "x\ny\n"),
        ("f'''{\n  # which '}' name\n  _.name }'''", "Ann"),
        ("f'{\n_.name\n}!'", "Ann!"),
        ("f'{_.name # the name\n}'", "Ann"),
        ("f'{_.a + \\\n 1}'", "2"),
        # Conversions, formats, and formats with fields of their own.
        ("f'{_.name!r:>{_.width}}|{_.name !s}|{'é'!a}'", " 'Ann'|Ann|'\\xe9'"),
        ("f'{_.price:{_.width}.{1 + 1}f}|{_.price:{'>'}{_['width']}}'", "  2.50|   2.5"),
        ("f'{_.price:{f'{_['width']}'}}'", "   2.5"),
        ("f'{_.a!=1}{_.a==1}{_.a<=1}'", "FalseTrueTrue"),
        ("f'{_.price=}|{_.price = !s}|{_.name=:>5}|{ _.a + 1 = }'", "_.price=2.5|_.price = 2.5|_.name=  Ann| _.a + 1 = 2"),
        ("f'{1, 2}{[*_.lines][0]}'", "(1, 2)x"),
        ("f'{_.a:=3}'", "  1"),
        # Braces and escapes in the text.
        ("f'{{}} {{_.a}} {{{_.a}}}'", "{} {_.a} {1}"),
        (r"f'\{_.a}\}}'", "\\1\\}"),
        (r"f'\N{LATIN SMALL LETTER A}\x41\q'", "aA\\q"),
        (r"rf'\N{_.a}\n'", "\\N1\\n"),
        (r"Rf'\'{_.a}'", "\\'1"),
        ("f'' 'a' f'{_.a}' \"b\" f'{{'", "a1b{"),
        ("F'''it's {_.a} \"x\"'''", "it's 1 \"x\""),
        ("''''a''' + '' + \"\"", "'a"),
    ],
)  # fmt: skip
def test_f_strings(evaluate, source, expected):
    assert evaluate(source, _=SCOPE) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[ \\\n  1, \\\n  2 ]", [1, 2]),
        ("1 + \\\r\n 2", 3),
        ("_.a \\\n.__len__ if 0 else 1", 1),
        ("'a\\\nb' + r'c\\\nd'", "abc\\\nd"),
        ("_.from + _ . None", 7),
        ("_.input.class if _.from else 0", 5),
        ("_.get('a') in [_.from, 1]and True", True),
        ("[x.from for x in [_] if x.from is not None]", [3]),
        ("1.5.is_integer(), 1..is_integer()", [False, True]),
        ("0x1f, 0b1_0, 0o17, 1_0.5e-1, .5, 1., 00", [31, 2, 15, 1.05, 0.5, 1.0, 0]),
        ("2**-1, -2**2, 2**3**2, not 1 == 2, 1 if 0 else 2 if 0 else 3", [0.5, -4, 512, True, 3]),
        ("[1, 2, 3][0:2], [1, 2, 3][::-1], [1, 2, 3][:], [*[1], *[2]][1]", [[1, 2], [3, 2, 1], [1, 2, 3], 2]),
        ("'\\u00e9\\U0001F600\\101'", "é😀A"),
        ("{'a': 1,}, {1,} == {1}, (1,), []", [{"a": 1}, True, [1], []]),
        ("1,", [1]),
        ("max(1, *[5], key=abs)", 5),
        ("ﬁ + 1", 3),
        ("शब्द + 1", 4),
    ],
)
def test_other_syntax(evaluate, source, expected):
    assert evaluate(source, **{"_": SCOPE, "fi": 2, "शब्द": 3}) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 + ", "the expression ends too early"),
        ("_.a b", "invalid syntax: 'b' is not expected at character 5"),
        ("[1,\n 2,\n 3 4]", "invalid syntax: '4' is not expected at line 3, character 4"),
        ("f(1, [2", "'[' is not closed at character 6"),
        ("(1]", "invalid syntax: ']' is not expected at character 3"),
        ("'open", "the text never ends that starts at character 1"),
        ("1 + f'{_.a", "'{' is not closed at character 7"),
        ("f'{_.a'", "the text never ends that starts at character 7"),
        ("f'{_.a!x}'", "after '!' one of the letters s, r and a is expected at character 8"),
        ("f'{_.a! r}'", "after '!' one of the letters s, r and a is expected at character 8"),
        ("f'{}'", "an expression is missing at character 4"),
        ("f'{!r}'", "an expression is missing at character 4"),
        ("f'a } b'", "a single '}' stands at character 5"),
        ("f'{a b}'", "invalid syntax: 'b' is not expected at character 6"),
        ("f'{a:>{b}'", "'{' is not closed that stands at character 3"),
        ("1if 2 else 3", "a number and the word after it need a blank between them at character 2"),
        ("012", "a number may not start with zeros at character 1"),
        ("'\\x4'", "the escape \\x is not complete at character 2"),
        ("'a\\N{NO SUCH}'", "there is no character \\N{NO SUCH} at character 3"),
        ("a $ b", "'$' is not expected at character 3"),
        ("a ? b", "'?' is not expected at character 3"),
        ("a\u00a0+ 1", "the character U+00A0 is not expected at character 2"),
        ("1 \\ 2", "'\\\\' is not expected at character 3"),
        ("f(a=1, 2)", "an argument without a name may not follow one with a name, at character 8"),
        ("f(1, x for x in y)", "a comprehension beside other arguments needs brackets at character 18"),
        ("not", "the expression ends too early"),
        ("1 == not 2", "invalid syntax: 'not' is not expected at character 6"),
        ("_.", "the expression ends too early"),
        ("class", "invalid syntax: 'class' is not expected at character 1"),
        ("t'{x}'", "invalid syntax: \"'{x}'\" is not expected at character 2"),
        ("[*x for x in y]", "invalid syntax: 'for' is not expected at character 5"),
        ("[1 for 2 in x]", "invalid syntax: '2' is not expected at character 8"),
        ("(*a)", "invalid syntax: '(' is not expected at character 1"),
        ("{**a for a in b}", "invalid syntax: 'for' is not expected at character 6"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(source, message):
    with pytest.raises(ExpressionSyntaxError) as raised:
        compile_expression(source)
    assert raised.value.message == message


@pytest.mark.parametrize("source", ["lambda x, y=1, *a, k: x", "lambda: 1", "f'{(lambda x: x)}'", "await a", "(yield from a)", "{(x := 1): 2}", "a[b := 1]", "rb'x'", "f'{0j}'", "a[...]"])  # fmt: skip
def test_what_is_left_out_is_still_read(source):
    with pytest.raises(UnsupportedFeature):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    ["f'{" * 5_000, "f'{f'{" * 30 + "1" + "}'}'" * 30, "f'{a:{" * 3_000, "{'a': " * 51 + "1" + "}" * 51, "not " * 60 + "a", "a ** " * 60 + "a", "a if b else " * 60 + "a", "[f(" * 26 + ")]" * 26, "9" * 30_000],
    ids=lambda source: source[:12],
)  # fmt: skip
def test_nesting_is_bounded(source):
    with pytest.raises(LimitExceeded):
        parse(source)


@pytest.mark.parametrize(("source", "place"), [("é" * 20_000 + "²", 20_001), ("²" + "é" * 20_000, 1), ("éa²é" * 5_000, 3)])  # fmt: skip
def test_a_wrong_character_is_found_with_few_looks(source, place):
    looks = Counter()
    sys.setprofile(lambda frame, event, function: looks.update([event]))
    try:
        with pytest.raises(ExpressionSyntaxError, match=f"'²' is not expected at character {place}$"):
            parse(source)
    finally:
        sys.setprofile(None)
    assert looks["c_call"] < 500


def test_what_is_flat_may_be_long(evaluate):
    assert evaluate("1" + "+1" * 15_000) == 15_001
    assert evaluate("f'" + "{1}" * 10_000 + "'") == "1" * 10_000
    assert evaluate(" or ".join(["0"] * 6_000) + " or 2") == 2


def _tree(node: ast.expr) -> str | None:
    """What a tree says; nothing if it holds what the language leaves out."""
    left_out = (ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom, ast.SetComp)
    for part in ast.walk(node):
        if isinstance(part, left_out):
            return None
        if isinstance(part, ast.JoinedStr):
            # Some versions of Python write empty pieces.
            part.values = [
                piece for piece in part.values if not (isinstance(piece, ast.Constant) and piece.value == "")
            ]
    return ast.dump(node).replace("Store()", "Load()")


def test_python_reads_the_same():
    chance = random.Random(7)
    for _ in range(1_500):
        source = random_source(chance, chance.randint(1, 5))
        try:
            expected = _tree(ast.parse(source, mode="eval").body)
        except SyntaxError:
            expected = None
        try:
            found = _tree(parse(source))
        except ExpressionError:
            found = None
        assert found == expected, source


@pytest.mark.parametrize("key", ["from", "class", "in", "not", "if", "import", "None", "none", "true", "for", "lambda"])
def test_any_word_after_a_dot_is_a_key(evaluate, render, key):
    assert evaluate(f"_.{key} + f'{{_.a.{key}:>2}}'", _={key: "x", "a": {key: "y"}}) == "x y"
    assert render(f"{{{{ _.{key} ~ _.a.{key}|upper }}}}", _={key: "x", "a": {key: "y"}}) == "xY"
