"""What a string means, rule by rule, in both dialects."""

from typing import Any

import pytest

from tasks.language.texts import is_dollar
from tasks.programs.compile import compile_task
from tests.language.programs import compiled, issues, stored


def _value(text: str, dialect: str) -> Any:
    """The stored form of a value that is this text."""
    mark = "$ 1" if dialect == "dollar" else "1"
    (step,) = stored({"evaluate": {"x": [text, mark]}})
    found = step["values"].get("object", {}).get("x") or {"literal": step["values"]["literal"]["x"]}
    return found["list"][0] if "list" in found else {"literal": found["literal"][0]}


@pytest.mark.parametrize(
    ("text", "marked"),
    [("$ x", True), ("  $ x", True), ("$\n x", True), ("$x", False), ("$", False), ("$ ", False), ("a $ x", False)],
)
def test_mark_of_an_expression(text: str, marked: bool) -> None:
    assert is_dollar(text) is marked


@pytest.mark.parametrize(
    ("text", "stored_form"),
    [
        ("$ _.a + 1", {"expression": "_.a + 1"}),
        ("  $  _.a  ", {"expression": "_.a"}),
        ("Hi {{_.name}}", {"template": "Hi {{_.name}}"}),
        ("{% if _ %}x{% endif %}", {"template": "{% if _ %}x{% endif %}"}),
        ("{{ [x for x in _] }}", {"text": [{"slot": "[x for x in _]"}]}),
        ("_", {"expression": "_"}),
        ("_.a", {"expression": "_.a"}),
        ("_['a']", {"expression": "_['a']"}),
        ("_.split('\n')", {"expression": "_.split('\n')"}),
        ("_.a is great, said she", {"literal": "_.a is great, said she"}),
        ("inputs[0].topic", {"expression": "inputs[0].topic"}),
        ("len(inputs[0])", {"expression": "len(inputs[0])"}),
        ("see inputs[0] please", {"literal": "see inputs[0] please"}),
        ("[item.url for item in _]", {"expression": "[item.url for item in _]"}),
        ("[1, 2]", {"literal": "[1, 2]"}),
        ("[note]", {"literal": "[note]"}),
        ("Hello", {"literal": "Hello"}),
        ("1 + 1", {"literal": "1 + 1"}),
        ("True", {"literal": "True"}),
        ("$x", {"literal": "$x"}),
        ("costs $ 5", {"literal": "costs $ 5"}),
        ("  kept  ", {"literal": "  kept  "}),
        ("", {"literal": ""}),
    ],
)
def test_value_in_the_dollar_dialect(text: str, stored_form: Any) -> None:
    assert _value(text, "dollar") == stored_form


@pytest.mark.parametrize(
    ("text", "stored_form"),
    [
        ("total {_.a + _.b}", {"text": ["total ", {"slot": "_.a + _.b"}]}),
        ("{_.a}{_.b}!", {"text": [{"slot": "_.a"}, {"slot": "_.b"}, "!"]}),
        ("{_.price:.2f} EUR", {"text": [{"slot": "_.price:.2f"}, " EUR"]}),
        ("{_.name!r:>10}", {"text": [{"slot": "_.name!r:>10"}]}),
        ("{inputs[0]['a']}", {"text": [{"slot": "inputs[0]['a']"}]}),
        ("{'\\n'.join(_.lines)}", {"text": [{"slot": "'\\n'.join(_.lines)"}]}),
        ("{_['{']}", {"text": [{"slot": "_['{']"}]}),
        ("it's {_.a} isn't it", {"text": ["it's ", {"slot": "_.a"}, " isn't it"]}),
        ("{a {_.b} c}", {"text": ["{a ", {"slot": "_.b"}, " c}"]}),
        ('{"a": {"b": 1}}', {"literal": '{"a": {"b": 1}}'}),
        ('{"_": [1, 2]}', {"literal": '{"_": [1, 2]}'}),
        ("{state: 5}", {"literal": "{state: 5}"}),
        ("{name}", {"literal": "{name}"}),
        ("{1 + 1}", {"literal": "{1 + 1}"}),
        ("{", {"literal": "{"}),
        ("}{ '", {"literal": "}{ '"}),
        ("a \\n b \\", {"literal": "a \\n b \\"}),
        ("{_.a", {"literal": "{_.a"}),
        ("{}", {"literal": "{}"}),
    ],
)
def test_braces_in_a_text(text: str, stored_form: Any) -> None:
    assert _value(text, "dollar") == stored_form


@pytest.mark.parametrize(
    ("text", "stored_form"),
    [
        ("_.a + 1", {"expression": "_.a + 1"}),
        ("  _.a  ", {"expression": "_.a"}),
        ("24*3600", {"expression": "24*3600"}),
        ("'hi'", {"expression": "'hi'"}),
        ('"Daily Motivation"', {"expression": '"Daily Motivation"'}),
        ("[1, 2]", {"expression": "[1, 2]"}),
        ("true", {"expression": "true"}),
        ("null", {"expression": "null"}),
        ("randint(3)", {"expression": "randint(3)"}),
        ("datetime.now().isoformat()", {"expression": "datetime.now().isoformat()"}),
        ("get('topics', [])", {"expression": "get('topics', [])"}),
        ("{'a': _.b}", {"expression": "{'a': _.b}"}),
        ("{{_.a}} and {{_.b}}", {"template": "{{_.a}} and {{_.b}}"}),
        ("{_.a}", {"text": [{"slot": "_.a"}]}),
        ("Hi {_.a}, welcome", {"text": ["Hi ", {"slot": "_.a"}, ", welcome"]}),
        ("dark_mode", {"literal": "dark_mode"}),
        ("application/json", {"literal": "application/json"}),
        ("text-embedding-ada-002", {"literal": "text-embedding-ada-002"}),
        ("Please provide additional information.", {"literal": "Please provide additional information."}),
        ("json", {"literal": "json"}),
        ("len", {"literal": "len"}),
        ("state machine", {"literal": "state machine"}),
        ("await orders", {"literal": "await orders"}),
        ("", {"literal": ""}),
    ],
)
def test_value_in_the_classic_dialect(text: str, stored_form: Any) -> None:
    assert _value(text, "classic") == stored_form


@pytest.mark.parametrize(
    "text", ["_.a +", "_['a'", "inputs[0.x", "outputs[1]]", "steps[0].output.", "state.count +", "state[", "_.x y"]
)
def test_typo_in_a_classic_expression_is_refused(text: str) -> None:
    (issue,) = issues({"evaluate": {"x": text}})
    assert issue["details"] == {"issue_type": "syntax_errors", "expression": text}


@pytest.mark.parametrize("text", ["_.a + offset", "foo(_)", "len(items)"])
def test_known_and_unknown_names_together_are_refused(text: str) -> None:
    (issue,) = issues({"evaluate": {"x": text}})
    assert issue["details"]["issue_type"] == "undefined_names"


@pytest.mark.parametrize("kind", ["prompt", "log", "error"])
@pytest.mark.parametrize(
    ("text", "stored_form"),
    [
        ("Hi {{_.name}}", {"template": "Hi {{_.name}}"}),
        ("Hi {_.name}", {"text": ["Hi ", {"slot": "_.name"}]}),
        ("_", {"literal": "_"}),
        ("'quoted'", {"literal": "'quoted'"}),
    ],
)
def test_texts_of_the_classic_dialect(kind: str, text: str, stored_form: Any) -> None:
    (step,) = stored({kind: text}, dialect="classic")
    assert step["messages" if kind == "prompt" else "text"] == stored_form


@pytest.mark.parametrize("kind", ["prompt", "log", "error"])
@pytest.mark.parametrize(
    ("text", "stored_form"),
    [
        ("$ f'Hi {_.name}'", {"expression": "f'Hi {_.name}'"}),
        ("Hi {_.name}", {"text": ["Hi ", {"slot": "_.name"}]}),
        ("_.name", {"expression": "_.name"}),
        ("plain", {"literal": "plain"}),
    ],
)
def test_texts_of_the_dollar_dialect(kind: str, text: str, stored_form: Any) -> None:
    (step,) = stored({kind: text}, dialect="dollar")
    assert step["messages" if kind == "prompt" else "text"] == stored_form


@pytest.mark.parametrize(
    "main",
    [
        [{"evaluate": {"x": "$ 1"}}],
        [{"evaluate": {"x": {"deep": [{"er": "$ 1"}]}}}],
        [{"log": "$ _"}],
        [{"prompt": [{"role": "user", "content": [{"type": "text", "text": "$ _"}]}]}],
        [{"if": "$ _", "then": {"log": "x"}}],
        [{"if": "True", "then": [{"log": "x"}, {"return": "$ _"}]}],
        [{"switch": [{"case": "$ _", "then": {"log": "x"}}]}],
        [{"foreach": {"in": "$ _", "do": {"log": "x"}}}],
        [{"over": "_", "map": {"log": "x"}, "reduce": "$ results"}],
        [{"sleep": {"seconds": "$ 5"}}],
        [{"wait_for_input": {"info": {"a": "$ _"}}}],
        [{"parallel": [{"log": "x"}, {"set": {"a": "$ 1"}}]}],
    ],
)
def test_one_mark_anywhere_makes_the_dollar_dialect(main: list[Any]) -> None:
    assert compiled(*main).dialect == "dollar"


@pytest.mark.parametrize(
    "task",
    [
        {"main": [{"log": "x"}], "description": "$ not evaluated"},
        {"main": [{"log": "x", "label": "$ x"}]},
        {"main": [{"get": "$ key"}]},
        {"main": [{"prompt": "x", "settings": {"stop": "$ 1"}}]},
        {"main": [{"over": "_", "map": {"log": "x"}, "initial": "$ 1"}]},
        {"main": [{"log": "x"}], "input_schema": {"description": "$ x"}},
        {"main": [{"log": "$x costs $ 5"}]},
    ],
)
def test_mark_in_a_field_that_is_not_evaluated_does_not_count(task: dict[str, Any]) -> None:
    assert compile_task(task).dialect == "classic"


def test_mark_in_another_workflow_counts_for_the_whole_task() -> None:
    result = compiled({"evaluate": {"x": "1 + 1"}}, notify=[{"log": "$ _"}])
    assert result.dialect == "dollar"
    assert result.program["workflows"]["main"][0]["values"] == {"literal": {"x": "1 + 1"}}


@pytest.mark.parametrize("text", ["_.a > 1", "$ _.a > 1", "  $  _.a > 1 "])
def test_condition_is_an_expression_in_both_dialects(text: str) -> None:
    for dialect in ("classic", "dollar"):
        if dialect == "classic" and "$" in text:
            continue
        (step,) = stored({"if": text, "then": {"log": "x"}}, dialect=dialect)
        assert step["condition"] == {"expression": "_.a > 1"}


@pytest.mark.parametrize("text", ["", "   ", "a b", "{{_.x}}", "{{ _.x }}"])
def test_condition_that_is_no_expression_is_refused(text: str) -> None:
    (issue,) = issues({"if": text, "then": {"log": "x"}})
    assert issue["location"] == "workflows.main.steps[0].if"
    assert issue["details"]["issue_type"] == "syntax_errors"


def test_condition_that_is_no_text_is_taken_as_it_is() -> None:
    (step,) = stored({"if": False, "then": {"log": "x"}})
    assert step["condition"] == {"literal": False}
    (step,) = stored({"foreach": {"in": ["a", "_.b"], "do": {"log": "x"}}})
    assert step["over"] == {"list": [{"literal": "a"}, {"expression": "_.b"}]}


def test_long_prose_is_text() -> None:
    prose = "word " * 20_000
    assert _value(prose, "classic") == {"literal": prose}
    assert _value(prose, "dollar") == {"literal": prose}
