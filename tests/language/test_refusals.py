"""A body of the wrong shape is refused with one row per field, for the kind of step that was meant."""

from typing import Any

import pytest

from tasks.language.errors import MAX_PROBLEMS
from tasks.programs.compile import InvalidTaskBody, compile_task
from tasks.steps import registry
from tests.language.programs import details

LOG = {"log": "x"}


@pytest.mark.parametrize(
    ("main", "loc", "type_"),
    [
        (5, "main[0]", "wrong_type"),
        ("evaluate", "main[0]", "wrong_type"),
        ({}, "main[0]", "unknown_step"),
        ({"label": "x"}, "main[0]", "unknown_step"),
        ({"evaluate": 5}, "main[0].evaluate", "wrong_type"),
        ({"evaluate": [1]}, "main[0].evaluate", "wrong_type"),
        ({"evaluate": {"a": 1}, "tool": "x"}, "main[0]", "ambiguous"),
        ({"log": 5}, "main[0].log", "wrong_type"),
        ({"log": "x", "label": "12"}, "main[0].label", "label"),
        ({"log": "x", "label": ""}, "main[0].label", "label"),
        ({"log": "x", "label": "x" * 121}, "main[0].label", "label"),
        ({"log": "x", "label": 3}, "main[0].label", "label"),
        ({"log": "x", "retry": {}}, "main[0].retry", "extra_forbidden"),
        ({"error": {}}, "main[0].error", "wrong_type"),
        ({"get": 1}, "main[0].get", "wrong_type"),
        ({"get": ["a", 1]}, "main[0].get[1]", "wrong_type"),
        ({"set": "a"}, "main[0].set", "wrong_type"),
        ({"set": {}, "increment": 1}, "main[0].increment", "wrong_type"),
        ({"set": {"a": 1}, "append": {"b": 1, "a": 2}}, "main[0].append.a", "duplicate_key"),
        ({"increment": {"a": 1}, "append": {"a": 2}}, "main[0].append.a", "duplicate_key"),
        ({"increment": {"a": 1}, "log": "x"}, "main[0].increment", "extra_forbidden"),
        ({"tool": 5}, "main[0].tool", "wrong_type"),
        ({"tool": {"arguments": {}}}, "main[0].tool", "wrong_type"),
        ({"tool": "x", "arguments": [1]}, "main[0].arguments", "wrong_type"),
        ({"tool": "x", "timeout": "5"}, "main[0].timeout", "wrong_type"),
        ({"tool": "x", "timeout": 0}, "main[0].timeout", "out_of_range"),
        ({"tool": "x", "retry": {"max_attempts": 26}}, "main[0].retry.max_attempts", "out_of_range"),
        ({"tool": "x", "retry": {"attempts": 2}}, "main[0].retry.attempts", "extra_forbidden"),
        ({"prompt": 5}, "main[0].prompt", "wrong_type"),
        ({"prompt": []}, "main[0].prompt", "too_short"),
        ({"prompt": ["x"]}, "main[0].prompt[0]", "wrong_type"),
        ({"prompt": [{"role": "robot", "content": "x"}]}, "main[0].prompt[0].role", "enum"),
        ({"prompt": [{"role": "user"}]}, "main[0].prompt[0].content", "missing"),
        (
            {"prompt": [{"role": "user", "content": "x", "contents": "y"}]},
            "main[0].prompt[0].contents",
            "extra_forbidden",
        ),
        ({"prompt": "x", "unwrap": "yes"}, "main[0].unwrap", "wrong_type"),
        ({"prompt": "x", "tools": "some"}, "main[0].tools", "wrong_type"),
        ({"prompt": "x", "tools": [5]}, "main[0].tools[0]", "missing"),
        ({"prompt": "x", "tool_choice": "any"}, "main[0].tool_choice", "enum"),
        ({"prompt": "x", "tool_choice": {"name": "x"}}, "main[0].tool_choice", "missing"),
        ({"prompt": "x", "settings": []}, "main[0].settings", "wrong_type"),
        ({"prompt": "x", "max_tool_rounds": 0}, "main[0].max_tool_rounds", "out_of_range"),
        ({"sleep": {}}, "main[0].sleep", "out_of_range"),
        ({"sleep": 0}, "main[0].sleep", "out_of_range"),
        ({"sleep": -1}, "main[0].sleep", "out_of_range"),
        ({"sleep": {"days": 3661}}, "main[0].sleep", "out_of_range"),
        ({"sleep": 10**400}, "main[0].sleep", "out_of_range"),
        ({"sleep": {"weeks": 1, "days": 1}}, "main[0].sleep.weeks", "extra_forbidden"),
        ({"sleep": []}, "main[0].sleep", "wrong_type"),
        ({"wait_for_input": "x"}, "main[0].wait_for_input", "wrong_type"),
        ({"wait_for_input": {"message": "x"}}, "main[0].wait_for_input.message", "extra_forbidden"),
        ({"wait_for_input": {"on_timeout": 1}}, "main[0].wait_for_input.on_timeout", "missing"),
        ({"wait_for_input": {"timeout": 0}}, "main[0].wait_for_input.timeout", "out_of_range"),
        ({"if": "_"}, "main[0].then", "missing"),
        ({"if": "_", "then": []}, "main[0].then", "too_short"),
        ({"if": "_", "then": {"lgo": "x"}}, "main[0].then", "unknown_step"),
        ({"if": "_", "then": [LOG, {"log": 1}]}, "main[0].then[1].log", "wrong_type"),
        ({"then": LOG}, "main[0]", "unknown_step"),
        ({"switch": []}, "main[0].switch", "too_short"),
        ({"switch": {}}, "main[0].switch", "wrong_type"),
        ({"switch": [5]}, "main[0].switch[0]", "missing"),
        ({"switch": [{"case": "_.a"}]}, "main[0].switch[0].then", "missing"),
        ({"switch": [{"case": "_", "then": LOG}, {"case": "1", "then": LOG}]}, "main[0].switch[0].case", "unreachable"),
        ({"switch": [{"case": "1", "then": LOG, "thn": 1}]}, "main[0].switch[0].thn", "extra_forbidden"),
        ({"foreach": 5}, "main[0].foreach", "wrong_type"),
        ({"foreach": {"do": LOG}}, "main[0].foreach.in", "missing"),
        ({"foreach": {"in": "_"}}, "main[0].foreach.do", "missing"),
        ({"foreach": {"in": "_", "do": LOG, "parallelism": 3}}, "main[0].foreach.parallelism", "extra_forbidden"),
        ({"over": "_"}, "main[0].map", "missing"),
        ({"map": LOG}, "main[0]", "unknown_step"),
        ({"map_reduce": [1]}, "main[0]", "unknown_step"),
        ({"over": "_", "map": LOG, "parallelism": 0}, "main[0].parallelism", "out_of_range"),
        ({"over": "_", "map": LOG, "parallelism": 1001}, "main[0].parallelism", "out_of_range"),
        ({"over": "_", "map": LOG, "parallelism": True}, "main[0].parallelism", "wrong_type"),
        ({"parallel": LOG}, "main[0].parallel", "wrong_type"),
        ({"parallel": [LOG] * 101}, "main[0].parallel", "too_long"),
        ({"parallel": [LOG, []]}, "main[0].parallel[1]", "too_short"),
        ({"workflow": 5}, "main[0].workflow", "wrong_type"),
        ({"while": "_"}, "main[0].do", "missing"),
        ({"try": LOG}, "main[0]", "missing"),
        ({"embed": {}}, "main[0].embed", "missing"),
        ({"search": {"limit": 3}}, "main[0].search", "missing"),
    ],
)
def test_wrong_shape(main: Any, loc: str, type_: str) -> None:
    rows = details(main)
    assert [(row["loc"], row["type"]) for row in rows] == [(loc, type_)]
    assert set(rows[0]) == {"loc", "msg", "type", "received", "fix"}
    assert all(isinstance(text, str) and text for key, text in rows[0].items() if key != "received")


@pytest.mark.parametrize(
    ("step", "hint"),
    [
        ({"evalaute": {}}, "'evaluate'"),
        ({"promt": "x"}, "'prompt'"),
        ({"then": LOG}, "'if'"),
        ({"map": LOG}, "'over'"),
        ({"log": "x", "lable": "y"}, "'label'"),
        ({"prompt": "x", "setings": {}}, "'settings'"),
        ({"tool": "x", "args": {}}, "arguments"),
        ({"foreach": {"in": "_", "does": LOG, "do": LOG}}, "'do'"),
    ],
)
def test_hint_names_the_nearest_key(step: Any, hint: str) -> None:
    assert hint in details(step)[0]["fix"]


def test_unknown_kind_lists_all_kinds() -> None:
    fix = details({"xyzzy": 1})[0]["fix"]
    assert all(kind.main_key in fix for kind in registry.all_kinds())


def test_all_wrong_fields_are_reported_at_once() -> None:
    rows = details({"log": 5}, {"get": 1, "label": "1"}, {"evalaute": {}}, notify=[{"set": 1}])
    assert [row["loc"] for row in rows] == ["main[0].log", "main[1].get", "main[1].label", "main[2]", "notify[0].set"]


@pytest.mark.parametrize(
    ("task", "loc"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"name": "a", "function": {}}, {"name": "a", "function": {}}]}, "tools[1].name"),
        ({"inherit_tools": "true"}, "inherit_tools"),
        ({"inputs_schema": {}}, "inputs_schema"),
        ({"workflows": {"a": [LOG]}}, "workflows"),
        ({"notify": []}, "notify"),
        ({"notify": "x"}, "notify"),
    ],
)
def test_wrong_field_of_the_task(task: Any, loc: str) -> None:
    assert [row["loc"] for row in details(LOG, **task)] == [loc]


@pytest.mark.parametrize("main", [None, [], {}, "x", 5])
def test_main_is_needed(main: Any) -> None:
    with pytest.raises(InvalidTaskBody) as refused:
        compile_task({"main": main})
    assert [row["loc"] for row in refused.value.details] == ["main"]


def _nested(levels: int) -> Any:
    step: Any = LOG
    for _ in range(levels):
        step = {"if": "True", "then": step}
    return step


@pytest.mark.parametrize("levels", [51, 60, 150])
def test_steps_nested_too_deep(levels: int) -> None:
    (row,) = details(_nested(levels))
    assert row["type"] == "too_deep"
    assert "50" in row["msg"]


def test_values_nested_too_deep() -> None:
    value: Any = "x"
    for _ in range(150):
        value = [value]
    (row,) = details({"evaluate": {"x": value}})
    assert row["type"] == "too_deep"


def test_number_of_rows_is_bounded() -> None:
    assert len(details(*[{"log": 1}] * 5_000)) == MAX_PROBLEMS


def test_thousands_of_unknown_keys_are_refused_soon() -> None:
    assert len(details({"log": "x", **{f"lable{index}": 1 for index in range(50_000)}})) == 10


def test_received_is_shortened() -> None:
    assert len(details({"log": ["x" * 10_000]})[0]["received"]) <= 100
