"""Steps as clients get them back."""

from typing import Any

import pytest

from tasks.steps import registry
from tests.language.programs import compiled

LOG = {"log": "x"}
WIRE_LOG = {"kind_": "log", "label": None, "log": "x"}
TOOLS = [{"name": "find", "type": "function", "function": {}}]


@pytest.mark.parametrize(
    ("raw", "wire"),
    [
        (LOG, WIRE_LOG),
        ({"kind_": "log", "log": "x", "label": "here"}, {"kind_": "log", "label": "here", "log": "x"}),
        (
            {"evaluate": {"a": "$ 1", "b": None}},
            {"kind_": "evaluate", "label": None, "evaluate": {"a": "$ 1", "b": None}},
        ),
        (
            {"if_": "_", "then": LOG, "else_": [LOG]},
            {"kind_": "if_else", "label": None, "if": "_", "then": WIRE_LOG, "else": [WIRE_LOG]},
        ),
        (
            {"foreach": {"in_": "_", "do": LOG}},
            {"kind_": "foreach", "label": None, "foreach": {"in": "_", "do": WIRE_LOG}},
        ),
        (
            {"switch": [{"case": "_", "then": LOG}]},
            {"kind_": "switch", "label": None, "switch": [{"case": "_", "then": WIRE_LOG}]},
        ),
        ({"return_": {"a": "$ 1"}}, {"kind_": "return", "label": None, "return": {"a": "$ 1"}}),
        ({"return": None}, {"kind_": "return", "label": None, "return": None}),
        (
            {"map_reduce": {"over": "_", "map": [LOG], "reduce": None}},
            {"kind_": "map_reduce", "label": None, "over": "_", "map": [WIRE_LOG]},
        ),
        (
            {"tool": {"name": "find", "arguments": "_"}},
            {"kind_": "tool_call", "label": None, "tool": "find", "arguments": "_"},
        ),
        ({"parallel": [LOG, [LOG]]}, {"kind_": "parallel", "label": None, "parallel": [WIRE_LOG, [WIRE_LOG]]}),
        ({"loop": {"while": "_", "do": LOG}}, {"kind_": "while", "label": None, "while": "_", "do": WIRE_LOG}),
        ({"sleep": {"seconds": 5}}, {"kind_": "sleep", "label": None, "sleep": {"seconds": 5}}),
        (
            {"evaluate": {"then": {"if_": 1}, "kind_": "x"}},
            {"kind_": "evaluate", "label": None, "evaluate": {"then": {"if_": 1}, "kind_": "x"}},
        ),
    ],
)
def test_wire_form(raw: Any, wire: dict[str, Any]) -> None:
    for name in ("main", "other"):
        result = compiled(raw, tools=TOOLS) if name == "main" else compiled(LOG, tools=TOOLS, other=[raw])
        assert result.source[name] == [wire]


@pytest.mark.parametrize("raw", [LOG, {"if_": "_.a", "then": [LOG, {"return": {"a": "$ 1"}}]}, {"return": None}])
def test_answer_is_accepted_as_a_request_and_gives_the_same_program(raw: Any) -> None:
    first = compiled(raw)
    again = compiled(*first.source["main"])
    assert again.source == first.source
    assert again.sha256 == first.sha256


def test_kinds_are_those_of_the_published_contract() -> None:
    published = {
        "evaluate", "tool_call", "prompt", "get", "set", "log", "yield", "return", "sleep", "error",
        "wait_for_input", "if_else", "switch", "foreach", "parallel", "map_reduce",
    }  # fmt: skip
    assert {kind.kind for kind in registry.all_kinds()} == published | {
        "embed",
        "search",
        "while",
        "try",
        "wait_for_event",
        "emit",
    }
