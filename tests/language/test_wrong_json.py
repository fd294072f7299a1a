"""Valid definitions with any of their values replaced by other JSON: accepted or refused with issues, nothing else."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.programs.compile import InvalidTaskBody, InvalidTaskSpec, compile_task
from tasks.programs.program import Program
from tests.examples import examples
from tests.flow_runner import FlowRunner

ASK = {"name": "ask", "type": "function", "function": {"parameters": {"type": "object"}}}
FIND = {"name": "find", "type": "api_call", "api_call": {"method": "GET", "url": "https://example.com/"}}
LOG = {"log": "{_}"}
OPTIONS = {"timeout": 5, "retry": {"max_attempts": 3, "initial_s": 0.5, "backoff": 2, "max_s": 10}}
TASK: dict[str, Any] = {
    "description": "every kind of step with every key",
    "metadata": {"a": 1},
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}},
    "inherit_tools": True,
    "tools": [ASK, FIND, {"function": {"name": "old"}}, {"name": "echo", "integration": {"provider": "dummy"}}],
    "helper": [LOG],
    "main": [
        {"evaluate": {"a": "$ _.n", "b": [1, {"c": "$ _"}]}, "label": "first"},
        {"tool": "find", "arguments": {"q": "$ _"}, **OPTIONS},
        {
            "prompt": [
                {"role": "system", "content": "You are {agent.name}", "name": "s"},
                {"role": "user", "content": [{"type": "text", "text": "$ _"}]},
                {"role": "tool", "content": "5", "tool_call_id": "c1"},
            ],
            "tools": ["ask", {"ref": {"name": "find"}}, {**FIND, "name": "own"}, {"name": "ask"}],
            "tool_choice": {"type": "function", "function": {"name": "ask"}},
            "settings": {
                "model": "m",
                "temperature": 0.5,
                "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
            },
            "unwrap": True,
            "auto_run_tools": True,
            "max_tool_rounds": 3,
            "disable_cache": False,
            **OPTIONS,
        },
        {"prompt": "hi", "tools": "all", "tool_choice": "auto"},
        {"get": ["a", "b"]},
        {"set": {"a": "$ _"}},
        {"log": "{{ _ }}"},
        {"sleep": {"seconds": 1, "minutes": "$ 2", "hours": 0.5, "days": 1}},
        {"wait_for_input": {"info": {"q": "$ _"}, "timeout": 60, "on_timeout": {"a": 1}}},
        {"workflow": "helper", "arguments": {"a": "$ _"}},
        {"yield": {"workflow": "helper", "arguments": "$ _"}},
        {"if": "$ _", "then": LOG, "else": [LOG]},
        {"switch": [{"case": "$ _ == 1", "then": LOG}, {"case": "_", "then": [LOG]}]},
        {"foreach": {"in": "$ _", "do": [LOG]}},
        {"over": "$ _", "map": LOG, "reduce": "$ results + [_]", "initial": [1], "parallelism": 3},
        {"map_reduce": {"over": "$ _", "map": "helper"}},
        {"parallel": [LOG, [LOG]]},
        {"embed": {"text": "$ _", "model": "m"}, **OPTIONS},
        {"search": {"query": "$ _", "vector": "$ [1, 2]", "limit": 3, "confidence": 0.5}},
        {"while": "$ False", "do": LOG},
        {"loop": {"while": "$ False", "do": LOG}},
        {"try": LOG, "catch": {"log": "{error.message}"}, "finally": [LOG]},
        {"return": {"a": "$ _"}},
        {"error": "{_}"},
    ],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values below this one."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in below:
        yield (*path, key)
        yield from places(item, (*path, key))


_KEYS = sorted({key for path in places(TASK) for key in path if isinstance(key, str)})
_SCALARS = st.sampled_from(
    [None, True, False, 0, -1, 2, 10**320, -(10**320), 1e308, 0.5, "", "_", "$ _", "$ 2 ** 1500", "$ 1 +", "{{", "x"]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*_KEYS, "nothing"]), inner, max_size=3)
    ),
    max_leaves=5,
)
_CHANGES = st.lists(st.tuples(st.sampled_from(list(places(TASK))), _JSON), min_size=1, max_size=3)


def with_changes(changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    """The task with other values at these places; a place that an earlier change removed is passed over."""
    task = deepcopy(TASK)
    for path, value in changes:
        parent: Any = task
        try:
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    return task


@examples(250)
@given(changes=_CHANGES)
def test_a_wrong_value_is_an_issue(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    try:
        compiled = compile_task(with_changes(changes))
    except InvalidTaskBody as refused:
        assert refused.details
        json.dumps(refused.details)
    except InvalidTaskSpec as refused:
        assert refused.issues
        json.dumps(refused.issues)
    else:
        assert Program.load(json.loads(json.dumps(compiled.program))).dump() == compiled.program


@examples(40)
@given(changes=_CHANGES)
def test_a_wrong_value_is_no_error_of_the_server(changes: list[tuple[tuple[Any, ...], Any]], flow: FlowRunner) -> None:
    answer = flow.create(with_changes(changes))

    assert answer.status_code in (201, 400, 422), answer.content


def test_the_definition_itself_is_accepted(flow: FlowRunner) -> None:
    answer = flow.create(TASK)

    assert answer.status_code == 201, answer.json()
