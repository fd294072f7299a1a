"""How tools are shown to a model."""

from typing import Any

import pytest

from agents.tools import presentation
from agents.tools.presentation import present_tools, register_parameters

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
NOTHING = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("tool", "shown"),
    [
        (
            {"name": "f", "type": "function", "description": "what", "function": {"parameters": SCHEMA}},
            {"name": "f", "description": "what", "parameters": SCHEMA},
        ),
        (
            {"name": "f", "type": "function", "description": None, "function": {"description": "inner"}},
            {"name": "f", "description": "inner", "parameters": NOTHING},
        ),
        (
            {"name": "a", "type": "api_call", "api_call": {"url": "u", "method": "GET", "params_schema": SCHEMA}},
            {"name": "a", "parameters": SCHEMA},
        ),
        ({"name": "a", "type": "api_call", "api_call": {"url": "u"}}, {"name": "a", "parameters": NOTHING}),
        ({"type": "function", "function": {"name": "as_is", "strict": True}}, {"name": "as_is", "strict": True}),
    ],
)
def test_functions(tool: dict[str, Any], shown: dict[str, Any]) -> None:
    assert present_tools([tool]) == [{"type": "function", "function": shown}]


def test_the_tools_of_a_provider_keep_its_form() -> None:
    computer = {"type": "computer_20241022", "name": "computer", "display_width_px": 800, "display_height_px": 600}
    tools = [
        {"name": "screen", "type": "computer_20241022", "computer_20241022": computer},
        {"name": "sh", "type": "bash_20241022", "bash_20241022": {"name": "bash"}},
    ]

    assert present_tools(tools) == [
        {
            "type": "computer_20241022",
            "function": {"name": "computer", "parameters": {"display_width_px": 800, "display_height_px": 600}},
        },
        {"type": "bash_20241022", "name": "bash"},
    ]


def test_unknown_kinds_are_left_out_until_someone_registers_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presentation, "_parameters", dict(presentation._parameters))
    tool = {"name": "s", "type": "system", "system": {"resource": "agent", "operation": "list"}}
    assert present_tools([tool]) == []

    register_parameters("system", lambda spec: SCHEMA)

    assert present_tools([tool]) == [{"type": "function", "function": {"name": "s", "parameters": SCHEMA}}]
    with pytest.raises(ValueError, match="'system'"):
        register_parameters("system", lambda spec: {})


def test_the_first_of_two_tools_with_one_name_is_kept() -> None:
    first = {"name": "f", "type": "function", "function": {"description": "first"}}
    second = {"name": "f", "type": "function", "function": {"description": "second"}}

    assert [tool["function"]["description"] for tool in present_tools([first, second])] == ["first"]
