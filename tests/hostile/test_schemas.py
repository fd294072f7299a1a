"""Schemas that refer to themselves are refused wherever one is taken, and one that is stored already stops no run."""

from typing import Any

import pytest

from tests.api_client import ApiClient

LOOP = {"not": {"$ref": "#"}}
EACH_OTHER = {
    "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/a"}},
}
MAIN = [{"evaluate": {"x": "$ 1"}}]
REASON = "refers to itself without end"


def _function(schema: Any) -> dict[str, Any]:
    return {"name": "f", "type": "function", "function": {"parameters": schema}}


def _places(agent_id: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hello"}]
    prompt = {"prompt": "hello", "settings": {}}
    return {
        "input_schema": lambda schema: (
            f"/agents/{agent_id}/tasks",
            {"name": "t", "input_schema": schema, "main": MAIN},
        ),
        "tool of a task": lambda schema: (
            f"/agents/{agent_id}/tasks",
            {"name": "t", "tools": [_function(schema)], "main": MAIN},
        ),
        "response_format of a step": lambda schema: (
            f"/agents/{agent_id}/tasks",
            {
                "name": "t",
                "main": [prompt | {"settings": {"response_format": _json_schema(schema)}}],
            },
        ),
        "tool of an agent": lambda schema: (f"/agents/{agent_id}/tools", _function(schema)),
        "schema of an answer": lambda schema: (
            f"/agents/{agent_id}/tools",
            {
                "name": "f",
                "type": "api_call",
                "api_call": {"method": "GET", "url": "https://a.example", "schema": schema},
            },
        ),
        "tool of a chat": lambda schema: (_chat(agent_id), {"messages": messages, "tools": [_function(schema)]}),
        "response_format of a chat": lambda schema: (
            _chat(agent_id),
            {"messages": messages, "response_format": _json_schema(schema)},
        ),
        "text.format": lambda schema: (
            "/responses",
            {
                "model": "offline/echo",
                "input": "hello",
                "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}},
            },
        ),
        "tool of a response": lambda schema: (
            "/responses",
            {
                "model": "offline/echo",
                "input": "hello",
                "tools": [{"type": "function", "name": "f", "parameters": schema}],
            },
        ),
    }


def _json_schema(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}


def _chat(agent_id: str) -> str:
    return f"/sessions/{agent_id}/chat"


@pytest.mark.parametrize("place", list(_places("")))
@pytest.mark.parametrize("schema", [LOOP, EACH_OTHER], ids=["loop", "each other"])
def test_a_loop_is_refused_wherever_a_schema_is_taken(
    api: ApiClient, agent: dict[str, Any], place: str, schema: Any
) -> None:
    path, body = _places(agent["id"])[place](schema)
    response = api.post(path, body)

    assert response.status_code in (400, 422)
    assert REASON in response.content.decode()


def test_a_schema_stored_already_refuses_the_run(
    api: ApiClient, agent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("tasks.programs.compile.find_schema_problem", lambda schema: None)
        task = api.post(f"/agents/{agent['id']}/tasks", {"name": "t", "input_schema": LOOP, "main": MAIN}).json()
    response = api.post(f"/tasks/{task['id']}/executions", {"input": {}})

    assert response.status_code == 400
    assert REASON in response.json()["error"]["fix"]
