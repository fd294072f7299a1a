"""Doubled braces that are no template are literal braces, as in an f-string; a text with a real template stays one."""

from typing import Any

import pytest

from tasks.expressions.limits import Budget
from tasks.language.values import load_value
from tests.language.programs import compiled, issues, stored

SCOPE = {"_": {"name": "Ann", "items": [1, 2]}, "state": {"n": 3}}
WARNING = "so they stand in the text as single braces"


def _shown(text: str, kind: str, dialect: str) -> tuple[Any, list[str]]:
    """What the text gives, and the warnings about it."""
    field = {"prompt": [{"role": "user", "content": text}], "log": text, "evaluate": {"x": [text, "{_.name}"]}}[kind]
    task = compiled({kind: field}, dialect=dialect)
    (step,) = stored({kind: field}, dialect=dialect)
    if kind == "prompt":
        message = step["messages"].get("list", step["messages"].get("literal"))[0]
        value = message.get("object", {}).get("content") or {"literal": message["content"]}
    elif kind == "log":
        value = step["text"]
    else:
        value = step["values"]["object"]["x"]["list"][0]
    return load_value(value).evaluate(SCOPE, Budget()), [warning["message"] for warning in task.warnings]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{{{ "a": 1 }}}', '{ "a": 1 }'),
        ('{{{"a": 1}}}', '{"a": 1}'),
        ('{{ "a": 1 }}', '{ "a": 1 }'),
        ('Example: [{{ "width": 250 }}, {{ "flags": "apply" }}]', 'Example: [{ "width": 250 }, { "flags": "apply" }]'),
        ('{{{\n  "items": [ {{{"name": "text"}}} ]\n}}}', '{\n  "items": [ {"name": "text"} ]\n}'),
        ('{{"a": {{"b": {{}}}}}} and {{}}', '{"a": {"b": {}}} and {}'),
        ('{{{"a": {{{"b": 1}}}}}} x', '{"a": {"b": 1}} x'),
        ('{{"a": {"b": 1}}} and {"c": {"d": 2}}', '{"a": {"b": 1}} and {"c": {"d": 2}}'),
        ('{"out": {{"b": 1}}}', '{"out": {"b": 1}}'),
        # Names of the run as keys or in quotes are none.
        ('{{"state": "on", "user": "_.x", task: string}}', '{"state": "on", "user": "_.x", task: string}'),
        ("{{ your name here }} and {{#if x}}a{{/if}}", "{ your name here } and {#if x}a{/if}"),
        ("Use {{ to open", "Use { to open"),
        ("int main() {{ return 0; }}", "int main() { return 0; }"),
        # Single braces in it are read as always.
        ('{{"name": "{_.name}", "n": {state.n:02d}}}', '{"name": "Ann", "n": 03}'),
        ('{{"name":"{_.name}"}}', '{"name":"Ann"}'),
        (r"\textbf{{{_.name}}} {{ x: y }}", r"\textbf{Ann} { x: y }"),
        (r"\frac{{a}}{{b}} \sqrt{{{state.n}}}", r"\frac{a}{b} \sqrt{3}"),
        ("{{{{ x }}}} and {{{{a b}}}}", "{{ x }} and {{a b}}"),
        # A text with a real template stays one.
        ("{{ _.name }}, {{{ _.name }}} {{ x: y }} {{{{ z }}}}", "Ann, {Ann} { x: y } {{ z }}"),
        ('Hi {{ _.name | upper }}: {{ "a": 1 }}{{ _.none }}.', 'Hi ANN: { "a": 1 }.'),
        ('{% for i in _["items"] %}{{ i }},{% endfor %} {{{"a": {}}}} {_.name}', '1,2, {"a": {}} {_.name}'),
        ('{{ _.name }} {{{"a": 1}}}', 'Ann {"a": 1}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["prompt", "log", "evaluate"])
@pytest.mark.parametrize("dialect", ["dollar", "classic"])
def test_literal_braces(text: str, shown: str, kind: str, dialect: str) -> None:
    found, warnings = _shown(text, kind, dialect)
    assert found == shown
    assert any(WARNING in warning for warning in warnings)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ _.name }}", "Ann"),
        ("{{ {'a': _.name}['a'] }}{{ {'a': 1}.a }}", "Ann1"),
        ("{{{'a': 1}['a']}}", "1"),
        ("{{{'a': _.name}}}", "{'a': 'Ann'}"),
        ("{{ [x + 1 for x in _['items']] }}", "[2, 3]"),
        ('{% raw %}{{{"a": 1}}}{% endraw %}', '{{{"a": 1}}}'),
        ("{{ '}}' ~ '{{{' }}", "}}{{{"),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
        ('{"name":"{_.name}"}', '{"name":"Ann"}'),
        ("{'width':{_['items'][1]}}", "{'width':2}"),
    ],
)
@pytest.mark.parametrize("dialect", ["dollar", "classic"])
def test_what_has_a_meaning_keeps_it(text: str, shown: str, dialect: str) -> None:
    found, warnings = _shown(text, "prompt", dialect)
    assert found == shown
    assert not any(WARNING in warning for warning in warnings)


@pytest.mark.parametrize(
    "text",
    [
        "{{ _.name",
        "{{ _.name. }}",
        "{{ the user name }}",
        '{{"a": 1}} {{ steps[0 }}',
        '{{"a": _.x}}',
        "{{ _|nothing }}",
        '{{"a": 1}} {% if %}',
        '{{"a": 1}} {{ x|nothing }}',
    ],
)
def test_a_slip_of_the_pen_stays_an_error(text: str) -> None:
    for step in ({"log": text}, {"prompt": text}):
        assert issues(step, {"evaluate": {"x": "$ 1"}})
        assert issues(step)


def test_a_classic_f_string_may_double_its_braces() -> None:
    (step,) = stored(
        {"evaluate": {"x": 'f"{{\\"name\\": \\"{_["name"]}\\"}}"', "y": "f'{{x}} {_.name}'"}}, dialect="classic"
    )
    value = load_value(step["values"]).evaluate(SCOPE, Budget())
    assert value == {"x": '{"name": "Ann"}', "y": "{x} Ann"}


def test_the_warning_says_where() -> None:
    (warning,) = compiled({"evaluate": {"a": {"b": '{{"x": 1}}'}}}).warnings
    assert warning["location"] == "workflows.main.steps[0].evaluate.a.b"
    assert warning["severity"] == "warning"


def test_many_braces_are_bounded() -> None:
    assert issues({"log": '{{"a": 1}} ' * 1_001})[0]["details"]["issue_type"] == "limits"
    assert compiled({"log": '{{"a": 1}} ' * 999}).warnings
    assert compiled({"log": '{{"a": ' * 1_000}).warnings
