"""The static check: every name in every field, with its place, before anything runs."""

from typing import Any

import pytest

from tasks.programs.compile import InvalidTaskSpec, compile_task
from tests.language.programs import compiled, issues

LOG = {"log": "x"}
AT = "workflows.main.steps[0]"


@pytest.mark.parametrize(
    ("step", "location"),
    [
        ({"evaluate": {"a": "$ nope"}}, "evaluate.a"),
        ({"evaluate": {"a": [1, {"b": "$ nope"}]}}, "evaluate.a[1].b"),
        ({"evaluate": "nope"}, "evaluate"),
        ({"evaluate": {"a": "$ 1", "b": "x {_.a + nope}"}}, "evaluate.b"),
        ({"set": {"a": "$ nope"}}, "set.a"),
        ({"tool": "web_search", "arguments": {"q": "$ nope"}}, "arguments.q"),
        ({"tool": "web_search", "arguments": "$ nope"}, "arguments"),
        ({"prompt": "$ nope"}, "prompt"),
        ({"prompt": [{"role": "user", "content": "$ nope"}]}, "prompt[0].content"),
        ({"prompt": [{"role": "user", "content": [{"type": "text", "text": "$ nope"}]}]}, "prompt[0].content[0].text"),
        ({"log": "$ nope"}, "log"),
        ({"error": "$ nope"}, "error"),
        ({"return": {"a": "$ nope"}}, "return.a"),
        ({"return": "$ nope"}, "return"),
        ({"sleep": "nope"}, "sleep"),
        ({"sleep": {"days": "nope"}}, "sleep.days"),
        ({"wait_for_input": {"info": {"a": "$ nope"}}}, "wait_for_input.info.a"),
        ({"wait_for_input": {"info": 1, "timeout": 5, "on_timeout": "$ nope"}}, "wait_for_input.on_timeout"),
        ({"if": "nope", "then": LOG}, "if"),
        ({"if": "_", "then": {"evaluate": {"total": "$ nope"}}}, "if_else.then.evaluate.total"),
        ({"if": "_", "then": [{"evaluate": {"total": "$ nope"}}]}, "if_else.then.evaluate.total"),
        ({"if": "_", "then": [LOG, {"evaluate": {"total": "$ nope"}}]}, "if_else.then[1].evaluate.total"),
        ({"if": "_", "then": LOG, "else": {"log": "$ nope"}}, "if_else.else.log"),
        ({"switch": [{"case": "nope", "then": LOG}]}, "switch[0].case"),
        ({"switch": [{"case": "1", "then": LOG}, {"case": "_", "then": {"log": "$ nope"}}]}, "switch[1].case.then.log"),
        ({"foreach": {"in": "nope", "do": LOG}}, "foreach.in"),
        ({"foreach": {"in": "_", "do": {"log": "$ nope"}}}, "foreach.do.log"),
        ({"over": "nope", "map": LOG}, "over"),
        ({"over": "_", "map": {"log": "$ nope"}}, "map.log"),
        ({"over": "_", "map": LOG, "reduce": "results + nope"}, "reduce"),
        ({"parallel": [LOG, {"log": "$ nope"}]}, "parallel[1].log"),
        ({"parallel": [[LOG, {"log": "$ nope"}]]}, "parallel[0][1].log"),
        ({"while": "nope", "do": LOG}, "while"),
        ({"while": "_", "do": {"log": "$ nope"}}, "while.do.log"),
        ({"try": {"log": "$ nope"}, "finally": LOG}, "try.log"),
        ({"try": LOG, "catch": {"log": "$ nope"}}, "try.catch.log"),
        ({"try": LOG, "finally": {"log": "$ nope"}}, "try.finally.log"),
        ({"workflow": "main", "arguments": {"a": "$ nope"}}, "arguments.a"),
        ({"embed": {"text": "$ nope"}}, "embed.text"),
        ({"search": {"text": "$ nope"}}, "search.text"),
    ],
)
def test_undefined_name_is_found_everywhere(step: Any, location: str) -> None:
    found = [issue for issue in issues(step) if issue["type"] == "python_expression"]
    assert [(issue["location"], issue["details"]["issue_type"]) for issue in found] == [
        (f"{AT}.{location}", "undefined_names")
    ]
    assert found[0]["severity"] == "error"


@pytest.mark.parametrize(
    ("step", "location"),
    [
        ({"evaluate": {"a": "$ 1 +"}}, "evaluate.a"),
        ({"if": "_", "then": {"evaluate": {"a": "$ 1 +"}}}, "if_else.then.evaluate.a"),
        ({"if": "_", "then": [{"log": "$ 1 +"}]}, "if_else.then.log"),
        ({"switch": [{"case": "1 +", "then": LOG}]}, "switch[0].case"),
        ({"switch": [{"case": "1", "then": {"log": "$ 1 +"}}]}, "switch[0].case.then.log"),
        ({"foreach": {"in": "_", "do": {"log": "$ 1 +"}}}, "foreach.do.log"),
        ({"over": "_", "map": LOG, "reduce": "1 +"}, "reduce"),
        ({"prompt": [{"role": "user", "content": "{% if %}"}]}, "prompt[0].content"),
        ({"log": "{{ _.x"}, "log"),
        ({"while": "_", "do": [LOG, {"log": "$ 1 +"}]}, "while.do[1].log"),
        ({"try": [LOG, {"log": "$ 1 +"}], "catch": {"log": "$ 2 +"}}, "try[1].log"),
    ],
)
def test_syntax_error_is_found_everywhere(step: Any, location: str) -> None:
    found = issues(step)[0]
    assert found["location"] == f"{AT}.{location}"
    assert found["type"] == "python_expression"
    assert found["details"]["issue_type"] == "syntax_errors"


def test_form_of_an_issue() -> None:
    assert issues(LOG, {"if": "_", "then": {"evaluate": {"total": "$ sun(_.prices)"}}}) == [
        {
            "location": "workflows.main.steps[1].if_else.then.evaluate.total",
            "message": "'sun' is not defined; did you mean 'sum'?",
            "severity": "error",
            "type": "python_expression",
            "details": {"issue_type": "undefined_names", "expression": "sun(_.prices)"},
        }
    ]


def test_issue_in_another_workflow() -> None:
    (issue,) = issues(LOG, notify=[LOG, {"evaluate": {"a": "$ nope"}}])
    assert issue["location"] == "workflows.notify.steps[1].evaluate.a"


@pytest.mark.parametrize("text", ["$ lambda x: x", "$ (y := 5)", "$ {x for x in _}", "$ nlp('x')"])
def test_unsupported_feature(text: str) -> None:
    (issue,) = issues({"evaluate": {"a": text}})
    assert issue["details"]["issue_type"] == "unsupported_features"


@pytest.mark.parametrize(
    "text", ["lambda x: x[_]", "[y := len(_)]", "{x for x in _}", "nlp('x')", "map(lambda x: x, [])"]
)
def test_unsupported_feature_in_the_classic_dialect(text: str) -> None:
    (issue,) = issues({"evaluate": {"a": text}})
    assert issue["details"]["issue_type"] == "unsupported_features"


@pytest.mark.parametrize(
    "expression",
    [
        "_", "inputs[0]", "outputs[-1]", "steps['x']", "state.a", "arguments.a", "execution.id", "task.name",
        "agent.name", "agent_tools", "user", "session", "metadata.x", "true", "false", "null", "NEWLINE",
        "[x for x in _ if x]", "{k: v for k, v in _.items()}", "len(_)", "re.findall('a', _)", "datetime.now()",
        "get('a', 1)", "json.dumps(_)", "{1, 2}",
    ],
)  # fmt: skip
def test_names_of_the_run_are_defined(expression: str) -> None:
    before = {"log": "x", "label": "x"}
    assert compiled(before, {"evaluate": {"a": f"$ {expression}"}}).warnings == []
    assert compiled(before, {"if": expression, "then": LOG}).warnings == []


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ({"evaluate": {"a": "$ results"}}, "results"),
        ({"over": "_", "map": {"evaluate": {"a": "$ results"}}}, "results"),
        ({"evaluate": {"a": "$ error.message"}}, "error"),
        ({"evaluate": {"a": "$ secrets.key"}}, "secrets"),
        ({"log": "{{ secrets.key }}"}, "secrets"),
        ({"log": "{secrets.key}"}, "secrets"),
        ({"try": LOG, "finally": {"log": "$ error.message"}}, "error"),
    ],
)
def test_name_out_of_its_place(step: Any, name: str) -> None:
    found = [issue for issue in issues(step) if issue["type"] == "python_expression"]
    assert [issue["details"]["issue_type"] for issue in found] == ["undefined_names"]
    assert f"{name!r} cannot be used here, only" in found[0]["message"]


def test_failure_is_readable_in_catch_at_any_depth() -> None:
    step = {
        "try": LOG,
        "catch": [{"log": "{error.message}"}, {"if": "error.type == 'x'", "then": {"log": "{{error.step}}"}}],
    }
    assert compiled(step).warnings == []


def test_unknown_tool() -> None:
    (issue,) = issues({"tool": "web_serach"})
    assert (issue["location"], issue["type"]) == (f"{AT}.tool", "other")
    assert issue["message"] == "there is no tool named 'web_serach'; did you mean 'web_search'?"


def test_unknown_tool_of_a_prompt() -> None:
    (issue,) = issues({"prompt": "x", "tools": ["web_search", "nope"]})
    assert issue["location"] == f"{AT}.tools[1]"


def test_tools_of_the_agent_are_known_when_inherited_only() -> None:
    assert compiled({"tool": "web_search"})
    (issue,) = issues({"tool": "web_search"}, inherit_tools=False)
    assert issue["location"] == f"{AT}.tool"
    assert compiled({"tool": "ask"}, inherit_tools=False, tools=[{"name": "ask", "function": {}}])


def test_unknown_workflow() -> None:
    found = issues({"workflow": "notfy"}, notify=[LOG])
    assert [issue["message"] for issue in found if issue["location"] == f"{AT}.workflow"] == [
        "there is no workflow named 'notfy'; did you mean 'notify'?"
    ]


@pytest.mark.parametrize(
    ("task", "location", "text"),
    [
        ({"main": [{"log": "Hi {{ nmae }}"}]}, f"{AT}.log", "'nmae' is not defined"),
        (
            {"main": [{"log": "x", "label": "a"}, {"log": "y", "label": "a"}]},
            "workflows.main.steps[1]",
            "'a' is used twice",
        ),
        ({"main": [{"return": 1}, LOG]}, AT, "never reached"),
        ({"main": [{"if": "_", "then": [{"error": "x"}, LOG]}]}, f"{AT}.if_else.then[0]", "never reached"),
        ({"main": [{"evaluate": {"a": "$ 1 / 0"}}]}, f"{AT}.evaluate.a", "zero"),
    ],
)
def test_warning_does_not_block(task: Any, location: str, text: str) -> None:
    (warning,) = compile_task(task).warnings
    assert warning["severity"] == "warning"
    assert warning["location"] == location
    assert text in warning["message"]


def test_all_issues_are_reported_at_once() -> None:
    found = issues({"evaluate": {"a": "$ nope", "b": "$ nope2", "c": "$ nope"}}, {"tool": "x"})
    assert len(found) == 4


def test_syntax_errors_come_with_the_other_issues() -> None:
    found = issues({"evaluate": {"a": "$ 1 +"}}, {"evaluate": {"b": "$ nope"}})
    assert [issue["details"]["issue_type"] for issue in found] == ["syntax_errors", "undefined_names"]


def test_number_of_issues_and_their_size_is_bounded() -> None:
    found = issues(*[{"evaluate": {"a": f"$ nope{index} + '{'x' * 900}'"}} for index in range(200)])
    assert len(found) == 100
    assert len(found[0]["details"]["expression"]) <= 500


@pytest.mark.parametrize(
    "schema", [{"type": "objekt"}, {"properties": []}, [], "x", {"type": "string", "pattern": "("}]
)
def test_invalid_input_schema(schema: Any) -> None:
    with pytest.raises(InvalidTaskSpec) as refused:
        compile_task({"main": [LOG], "input_schema": schema})
    assert refused.value.message == "Invalid input schema"
    (issue,) = refused.value.issues
    assert (issue["location"], issue["type"]) == ("input_schema", "schema")


@pytest.mark.parametrize(
    "schema", [None, {}, {"type": "object", "properties": {"a": {"type": "string"}}}, {"x-own": 1}]
)
def test_valid_input_schema(schema: Any) -> None:
    assert compile_task({"main": [LOG], "input_schema": schema}).input_schema == schema


def test_schema_nested_too_deep_is_refused() -> None:
    schema: Any = {"type": "string"}
    for _ in range(150):
        schema = {"properties": {"a": schema}}
    with pytest.raises(InvalidTaskSpec) as refused:
        compile_task({"main": [LOG], "input_schema": schema})
    assert refused.value.issues[0]["message"] == "the schema is nested too deep"


def test_reason_of_a_bad_schema_is_shortened() -> None:
    with pytest.raises(InvalidTaskSpec) as refused:
        compile_task({"main": [LOG], "input_schema": {"minLength": "x" * 100_000}})
    assert len(refused.value.issues[0]["message"]) <= 500
