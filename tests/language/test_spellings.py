"""Every accepted spelling of a step gives the same program as its canonical spelling."""

from typing import Any

import pytest

from tasks.programs.compile import compile_task
from tests.language.programs import compiled, stored

TOOLS = [{"name": "find", "type": "function", "function": {"parameters": {}}}]
LOG = {"log": "x"}

SAME: list[tuple[str, Any, Any]] = [
    ("kind_ is an echo", {"kind_": "log", "log": "x"}, LOG),
    ("kind is an echo", {"kind": "anything", "log": "x", "label": None}, LOG),
    ("nulls are not there", {"log": "x", "evaluate": None, "tool": None, "arguments": None}, LOG),
    (
        "aliases of if",
        {"if_": "_", "then": {"kind_": "log", "log": "x", "label": None}, "else_": LOG},
        {"if": "_", "then": LOG, "else": LOG},
    ),
    ("a null else", {"if": "_", "then": LOG, "else": None}, {"if": "_", "then": LOG}),
    ("alias of return", {"return_": {"a": 1}}, {"return": {"a": 1}}),
    ("alias of in", {"foreach": {"in_": "_", "do": LOG}}, {"foreach": {"in": "_", "do": LOG}}),
    ("bodies of if", {"if": "_", "then": [LOG], "else": [LOG]}, {"if": "_", "then": LOG, "else": LOG}),
    ("body of foreach", {"foreach": {"in": "_", "do": [LOG]}}, {"foreach": {"in": "_", "do": LOG}}),
    ("body of a case", {"switch": [{"case": "_", "then": [LOG]}]}, {"switch": [{"case": "_", "then": LOG}]}),
    ("default case", {"switch": [{"case": " $ _ ", "then": LOG}]}, {"switch": [{"case": "$  _", "then": LOG}]}),
    ("body of map", {"over": "_", "map": [LOG]}, {"over": "_", "map": LOG}),
    (
        "wrapped map-reduce",
        {"map_reduce": {"over": "_", "map": LOG, "reduce": "sum(results)", "parallelism": 5}},
        {"over": "_", "map": LOG, "reduce": "sum(results)", "parallelism": 5},
    ),
    ("nulls of map-reduce", {"over": "_", "map": LOG, "reduce": None, "initial": None}, {"over": "_", "map": LOG}),
    ("tool as an object", {"tool": {"name": "find", "arguments": {"a": 1}}}, {"tool": "find", "arguments": {"a": 1}}),
    ("tool without arguments", {"tool": "find", "arguments": None}, {"tool": "find"}),
    ("arms of parallel", {"parallel": [[LOG], LOG]}, {"parallel": [LOG, [LOG]]}),
    ("one message", {"prompt": {"role": "user", "content": "x"}}, {"prompt": [{"role": "user", "content": "x"}]}),
    ("a tool by name", {"prompt": "x", "tools": ["find"]}, {"prompt": "x", "tools": [{"name": "find"}]}),
    (
        "a tool by reference",
        {"prompt": "x", "tools": [{"ref": {"name": "find"}}]},
        {"prompt": "x", "tools": [{"name": "find"}]},
    ),
    (
        "an inline function without an outer name",
        {"prompt": "x", "tools": [{"function": {"name": "ask"}}]},
        {"prompt": "x", "tools": [{"type": "function", "name": "ask", "function": {"name": "ask"}}]},
    ),
    (
        "old roles",
        {"prompt": [{"role": "auto", "content": "x"}]},
        {"prompt": [{"role": "assistant", "content": "x"}]},
    ),
    (
        "optional dollar in arguments",
        {"tool": "find", "arguments": "$ inputs[0]"},
        {"tool": "find", "arguments": "$  inputs[0]"},
    ),
    ("loop", {"loop": {"while": "_", "do": LOG}}, {"while": "_", "do": [LOG]}),
]


@pytest.mark.parametrize(("raw", "canonical"), [pytest.param(raw, same, id=name) for name, raw, same in SAME])
def test_spelling(raw: Any, canonical: Any) -> None:
    assert stored(raw, tools=TOOLS) == stored(canonical, tools=TOOLS)


def _read(raw: Any, dialect: str, **task: Any) -> dict[str, Any]:
    (step,) = stored(raw, dialect=dialect, **task)
    assert step.pop("label") is None
    return step


@pytest.mark.parametrize("dialect", ["classic", "dollar"])
@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (
            {"evaluate": {"a": 1, "b": None, "c": [True, {"d": 1.5}]}},
            {"kind": "evaluate", "values": {"literal": {"a": 1, "b": None, "c": [True, {"d": 1.5}]}}},
        ),
        (
            {"evaluate": {"a": "_.x", "b": [1]}},
            {"kind": "evaluate", "values": {"object": {"a": {"expression": "_.x"}, "b": {"literal": [1]}}}},
        ),
        ({"evaluate": "_.x + 1"}, {"kind": "evaluate", "values": {"expression": "_.x + 1"}}),
        ({"evaluate": {}}, {"kind": "evaluate", "values": {"literal": {}}}),
        ({"tool": "find"}, {"kind": "tool_call", "tool": "find", "arguments": None}),
        (
            {"tool": "find", "arguments": "_"},
            {"kind": "tool_call", "tool": "find", "arguments": {"expression": "_"}},
        ),
        (
            {"tool": "web_search", "arguments": {"q": "_.q", "n": 3}},
            {
                "kind": "tool_call",
                "tool": "web_search",
                "arguments": {"object": {"q": {"expression": "_.q"}, "n": {"literal": 3}}},
            },
        ),
        ({"get": "key"}, {"kind": "get", "key": "key"}),
        ({"get": ["a", "b"]}, {"kind": "get", "key": ["a", "b"]}),
        ({"set": {"a": "_.x"}}, {"kind": "set", "values": {"object": {"a": {"expression": "_.x"}}}}),
        ({"log": "hi"}, {"kind": "log", "text": {"literal": "hi"}}),
        ({"error": "bad {_.x}"}, {"kind": "error", "text": {"text": ["bad ", {"slot": "_.x"}]}}),
        ({"return": {"a": "_.x"}}, {"kind": "return", "value": {"object": {"a": {"expression": "_.x"}}}}),
        ({"return": ["_.x", 2]}, {"kind": "return", "value": {"list": [{"expression": "_.x"}, {"literal": 2}]}}),
        ({"return": "_"}, {"kind": "return", "value": {"expression": "_"}}),
        ({"return": 5}, {"kind": "return", "value": {"literal": 5}}),
        ({"return": None}, {"kind": "return", "value": {"literal": None}}),
        ({"return": False}, {"kind": "return", "value": {"literal": False}}),
        ({"sleep": 5}, {"kind": "sleep", "duration": {"literal": 5}}),
        ({"sleep": 0.5}, {"kind": "sleep", "duration": {"literal": 0.5}}),
        ({"sleep": "24*3600"}, {"kind": "sleep", "duration": {"expression": "24*3600"}}),
        (
            {"sleep": {"minutes": 1, "seconds": "_.s", "days": None}},
            {"kind": "sleep", "duration": {"object": {"minutes": {"literal": 1}, "seconds": {"expression": "_.s"}}}},
        ),
        (
            {"wait_for_input": {"info": {"message": "Say yes.", "topic": "_.topic"}}},
            {
                "kind": "wait_for_input",
                "info": {"object": {"message": {"literal": "Say yes."}, "topic": {"expression": "_.topic"}}},
                "timeout": None,
                "on_timeout": None,
            },
        ),
        (
            {"wait_for_input": {"info": [1, "two"]}},
            {"kind": "wait_for_input", "info": {"literal": [1, "two"]}, "timeout": None, "on_timeout": None},
        ),
        (
            {"switch": [{"case": "_.a > 1", "then": {"get": "k"}}, {"case": "_", "then": {"get": "d"}}]},
            {
                "kind": "switch",
                "cases": [
                    {"case": {"expression": "_.a > 1"}, "then": [{"kind": "get", "label": None, "key": "k"}]},
                    {"case": {"literal": True}, "then": [{"kind": "get", "label": None, "key": "d"}]},
                ],
            },
        ),
        (
            {"if": "_.ok", "then": {"get": "a"}},
            {
                "kind": "if_else",
                "condition": {"expression": "_.ok"},
                "then": [{"kind": "get", "label": None, "key": "a"}],
                "otherwise": [],
            },
        ),
        (
            {"over": "_.items", "map": {"get": "a"}},
            {
                "kind": "map_reduce",
                "over": {"expression": "_.items"},
                "map": [{"kind": "get", "label": None, "key": "a"}],
                "reduce": None,
                "folds": False,
                "initial": [],
                "parallelism": 100,
            },
        ),
        (
            {"while": "_.n < 3", "do": {"get": "a"}},
            {
                "kind": "while",
                "condition": {"expression": "_.n < 3"},
                "do": [{"kind": "get", "label": None, "key": "a"}],
            },
        ),
    ],
)
def test_canonical_form(raw: Any, canonical: Any, dialect: str) -> None:
    assert _read(raw, dialect, tools=TOOLS) == canonical


@pytest.mark.parametrize(
    ("reduce", "folds"),
    [
        ("results + [_]", True),
        ("$ results + [_]", True),
        ("sum(results)", False),
        ("[_ for _ in results]", False),
        ("[a_b for a_b in results]", False),
        ("'_'.join(results)", False),
    ],
)
def test_reduce_folds_when_it_names_the_output(reduce: str, folds: bool) -> None:
    (step,) = stored({"over": "_", "map": {"get": "a"}, "reduce": reduce, "initial": "'x'"})
    assert step["folds"] is folds
    assert step["initial"] == "'x'"


def test_prompt_settings_and_messages() -> None:
    (step,) = stored(
        {
            "prompt": [
                {"role": "system", "content": "You are {{agent.name}}.", "name": None, "tool_calls": []},
                {"role": "user", "content": ["Hi", "{_.q}"]},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "{{_.url}}"}}]},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"arguments": "{_}"}}]},
            ],
            "settings": {"model": "gpt-4o", "temperature": None, "stop": "{_.x}"},
            "unwrap": True,
            "tool_choice": "none",
        }
    )
    assert step["settings"] == {"model": "gpt-4o", "stop": "{_.x}"}
    assert (step["unwrap"], step["tool_choice"], step["tools"], step["auto_run_tools"]) == (True, "none", None, False)
    first, second, third, fourth = step["messages"]["list"]
    assert first["object"]["content"] == {"template": "You are {{agent.name}}."}
    assert second["object"]["content"] == {"list": [{"literal": "Hi"}, {"text": [{"slot": "_.q"}]}]}
    assert third["object"]["content"]["list"][0]["object"]["image_url"] == {
        "object": {"url": {"template": "{{_.url}}"}}
    }
    assert fourth == {"literal": {"tool_calls": [{"id": "1", "function": {"arguments": "{_}"}}], "role": "assistant"}}


def test_options_of_a_step_with_an_effect() -> None:
    (step,) = stored(
        {
            "tool": "web_search",
            "retry": {"max_attempts": 3, "initial_s": 0.5, "backoff": 1, "max_s": None},
            "timeout": 5,
        }
    )
    assert step["options"] == {"retry": {"max_attempts": 3, "initial_s": 0.5, "backoff": 1}, "timeout": 5}


def test_labels() -> None:
    assert stored({"log": "x", "label": "first"})[0]["label"] == "first"


def test_task_tools_old_form() -> None:
    tools = compiled({"tool": "ask"}, tools=[{"function": {"name": "ask", "parameters": {}}, "inherited": None}]).tools
    assert tools == [{"function": {"name": "ask", "parameters": {}}, "type": "function", "name": "ask"}]


def test_what_clients_echo_is_passed_over() -> None:
    echoed = {
        "id": "1", "agent_id": "2", "version": 3, "created_at": "x", "updated_at": "y", "dialect": "classic",
        "warnings": [], "name": "n", "canonical_name": "c", "description": "d", "metadata": {}, "tools": None,
        "inherit_tools": None, "input_schema": None,
    }  # fmt: skip
    result = compile_task({**echoed, "main": [LOG]})
    assert list(result.program["workflows"]) == ["main"]
    assert result.inherit_tools is True


def test_any_other_key_is_a_workflow() -> None:
    result = compile_task({"main": [LOG], "1 odd-name": [LOG], "notify": [LOG, LOG]})
    assert list(result.program["workflows"]) == ["main", "1 odd-name", "notify"]
