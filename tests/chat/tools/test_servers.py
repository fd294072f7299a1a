"""Tools of MCP servers in chats."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from tests.chat.conftest import Talk
from tests.chat.tools.test_calls import calls
from tests.loopback.mcp_server import McpServer


@pytest.fixture
def server(settings: Any) -> Iterator[McpServer]:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    with McpServer() as server:
        yield server


@pytest.fixture
def agent(talk: Talk, server: McpServer) -> str:
    agent = talk.agent()
    talk.tool(agent, name="sea", type="mcp", mcp={"server": {"url": server.http}, "tools": ["tide", "fail"]})
    return agent


def test_the_server_runs_them_and_the_model_is_told(talk: Talk, agent: str, server: McpServer) -> None:
    session = talk.session(agent, auto_run_tools=True)
    made = calls(("c1", "sea__tide", {"port": "Brest"}), ("c2", "sea__fail", {"why": "fog"}), ("c3", "sea__say", {}))
    with scripted_model([made, "2.5 metres"]) as model:
        answer = talk.ask(session, "Tide?")
    assert answer["choices"][0]["message"]["content"] == "2.5 metres"
    assert {tool["function"]["name"] for tool in model.requests[0].tools} == {"sea__tide", "sea__fail"}
    results = {each["tool_call_id"]: each["content"] for each in model.requests[-1].messages if each["role"] == "tool"}
    assert json.loads(results["c1"]) == {"port": "Brest", "metres": 2.5}
    assert "fog" in json.loads(results["c2"])["error"]
    assert "there is no tool 'sea__say'" in json.loads(results["c3"])["error"]


def test_a_request_names_no_server(talk: Talk, agent: str, server: McpServer) -> None:
    other = {"name": "other", "type": "mcp", "mcp": {"server": {"url": server.http}}}
    refused = talk.chat(talk.session(agent), "Tide?", tools=[other])
    assert refused.status_code == 422, refused.json()
