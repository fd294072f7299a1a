"""Failures while evaluating: the class shown, and what the message says."""

import pytest

from tasks.expressions.errors import EvaluationError

ROWS = [
    ("nothing", "NameError", "'nothing' is not defined"),
    ("outpts", "NameError", "did you mean 'outputs'"),
    ("lenn(_)", "NameError", "did you mean 'len'"),
    ("_.nam", "KeyError", "did you mean 'name'"),
    ("_['nam']", "KeyError", "did you mean 'name'"),
    ("_.list[9]", "IndexError", "no position 9"),
    ("_.list['a']", "TypeError", "read by position"),
    ("_.name.upper", "AttributeError", "call it"),
    ("_.get", "AttributeError", "call it"),
    ("_.list.append(1)", "AttributeError", "cannot be changed"),
    ("_.update({})", "AttributeError", "cannot be changed"),
    ("_.pop('name')", "AttributeError", "cannot be changed"),
    ("'{}'.format(1)", "AttributeError", "f-string"),
    ("'{}'.format_map({})", "AttributeError", "f-string"),
    ("'a'.foo()", "AttributeError", "has no attribute foo"),
    ("_.name()", "TypeError", "cannot be called"),
    ("1()", "TypeError", "cannot be called"),
    ("math()", "TypeError", "cannot be called"),
    ("1 + 'a'", "TypeError", "use str(...)"),
    ("[] < 1", "TypeError", "compare"),
    ("1 / 0", "ZeroDivisionError", "zero"),
    ("int('x')", "ValueError", "invalid literal"),
    ("len()", "TypeError", "wrong arguments for len(value)"),
    ("round(1, 2, 3)", "TypeError", "wrong arguments for round"),
    ("len(budget=1)", "TypeError", "wrong arguments"),
    ("{[]: 1}", "TypeError", "unhashable"),
    ("[1 for a, b in [(1, 2, 3)]]", "ValueError", "unpack"),
    ("1 in 5", "TypeError", "not a list"),
    ("'abc' - 1", "TypeError", "subtract"),
    ("(-8) ** 0.5", "ValueError", "negative number"),
    ("10.0 ** 400", "OverflowError", ""),
    ("10 ** 300 * 1.0 * 10 ** 300 + 10 ** 400 * 1.0", "OverflowError", ""),
    ("sum(['a'])", "TypeError", "join"),
    ("dict(1)", "TypeError", ""),
    ("max([])", "ValueError", "nothing"),
    ("f'{[]:>5}'", "TypeError", "format"),
    ("f'{1:zz}'", "ValueError", ""),
    ("'%d' % 'a'", "TypeError", "needs a number"),
    ("'%q' % 1", "ValueError", "unknown conversion"),
    ("'%s %s' % 1", "TypeError", "not enough"),
    ("load_json('{')", "ValueError", "not JSON"),
    ("load_json('NaN')", "ValueError", "not JSON"),
    ("load_yaml('a: [')", "ValueError", "not YAML"),
    ("randint(0)", "ValueError", "no whole number from 0 to below 0"),
    ("extract_json('Here: {a}')", "ValueError", "not JSON"),
    ("extract_json('```json {}')", "ValueError", "never ends"),
    ("re.search('(', 'a')", "ValueError", "not valid"),
    ("isinstance(1, 'x')", "TypeError", "type names"),
    ("sorted([1, 'a'])", "TypeError", ""),
    ("map(5, [1])", "TypeError", "cannot be called"),
    ("sum([[1]])", "TypeError", "add"),
    ("random.choice([])", "IndexError", "nothing"),
    ("datetime.fromtimestamp(1e17)", "ValueError", ""),
    ("zoneinfo.ZoneInfo('../etc/passwd')", "ValueError", "time zone"),
    ("base64.b64decode('/w==')", "ValueError", "UTF-8"),
]


@pytest.mark.parametrize(("source", "kind", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_run_time_errors(evaluate, source, kind, words):
    with pytest.raises(EvaluationError) as caught:
        evaluate(source, _={"name": "n", "list": [1]}, outputs=[])
    assert caught.value.type == kind
    assert words in caught.value.message
    assert caught.value.source == source


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{1, 2}", "list(...)"),
        ("datetime.now()", "str(...)"),
        ("date(2024, 1, 31)", "isoformat"),
        ("timedelta(days=1)", "total_seconds"),
        ("'a'.encode()", "decode"),
        ("re.search('a', 'a')", "group"),
        ("len", "cannot be stored"),
        ("math", "cannot be stored"),
        ("float('nan')", "cannot be stored"),
        ("[math.inf]", "cannot be stored"),
        ("1e999", "cannot be stored"),
        ("chr(0)", "NUL"),
        ("{chr(0): 1}", "NUL"),
        ("chr(0xd800)", "surrogate"),
        ("[{'a': {1}}]", "list(...)"),
        ("{(1, 2): 3}", "key"),
    ],
)
def test_what_json_cannot_hold(evaluate, source, words):
    with pytest.raises(EvaluationError) as caught:
        evaluate(source)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("(1, (2,))", [1, [2]]),
        ("range(3)", [0, 1, 2]),
        ("(x for x in 'ab')", ["a", "b"]),
        ("{1: 'a', None: 'b', True: 'c', 1.5: 'd'}", {"1": "c", "null": "b", "1.5": "d"}),
        ("2 ** 100", 2**100),
        ("{'a': (1,)}.items()", [["a", [1]]]),
        ("time.strptime('2024', '%Y')[0]", 2024),
    ],
)
def test_results_are_plain_json(evaluate, source, expected):
    assert evaluate(source) == expected
