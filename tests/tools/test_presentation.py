"""How tools are shown to a model."""

from typing import Any

import pytest

from agents.tools.presentation import present_tools

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


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("system", {"resource": "job", "operation": "create"}),
        ("integration", {"provider": "nobody"}),
        ("mcp", {"server": {"url": "http://nobody.example"}}),
        ("integration", {"provider": "brave", "method": "nothing"}),
    ],
)
def test_what_the_server_cannot_run_is_left_out(kind: str, spec: dict[str, Any]) -> None:
    assert present_tools([{"name": "s", "type": kind, kind: spec}]) == []


def test_a_system_tool_shows_the_parameters_of_its_operation() -> None:
    spec = {"resource": "agent", "operation": "get"}
    (shown,) = present_tools([{"name": "s", "type": "system", "system": spec}])

    assert shown["function"]["description"]
    assert shown["function"]["parameters"]["required"] == ["agent_id"]
    assert shown["function"]["parameters"]["properties"]["agent_id"]["format"] == "uuid"


def test_an_own_description_wins() -> None:
    spec = {"resource": "agent", "operation": "get"}
    (shown,) = present_tools([{"name": "s", "type": "system", "description": "mine", "system": spec}])

    assert shown["function"]["description"] == "mine"


def test_what_the_definition_sets_is_not_offered() -> None:
    fixed = {
        "resource": "agent",
        "subresource": "tool",
        "operation": "list",
        "resource_id": "0191a9ac-0000-7000-8000-000000000000",
        "arguments": {"limit": 5},
    }
    tools = [
        {"name": "s", "type": "system", "system": fixed},
        {"name": "i", "type": "integration", "integration": {"provider": "brave", "arguments": {"query": "sea"}}},
    ]

    system, brave = (tool["function"]["parameters"] for tool in present_tools(tools))

    assert {"agent_id", "limit"}.isdisjoint(system["properties"]) and "offset" in system["properties"]
    assert "required" not in system
    assert set(brave["properties"]) == {"count"}


def test_the_first_of_two_tools_with_one_name_is_kept() -> None:
    first = {"name": "f", "type": "function", "function": {"description": "first"}}
    second = {"name": "f", "type": "function", "function": {"description": "second"}}

    assert [tool["function"]["description"] for tool in present_tools([first, second])] == ["first"]
