"""The published client of the protocol, in both its generations, against a running installation."""

from typing import Any
from uuid import uuid4

import pytest
from mcp import Client
from mcp.client import advertise
from mcp.shared.exceptions import MCPError
from mcp_types import Request
from pydantic import BaseModel, ConfigDict

from executions.models import Execution
from julep_project.mcp_server.runs import EXTENSION
from tests.api_client import ApiClient
from tests.mcp_server.conftest import MODERN, MODES, Talk


class Anything(BaseModel):
    """Whatever is answered, as it is."""

    model_config = ConfigDict(extra="allow")


OWN = {"docs_search", "run_get", "run_resume", "run_cancel"}


@pytest.mark.parametrize("mode", MODES)
def test_agents_tasks_and_docs_are_found_and_used(mode: str, talk: Talk, api: ApiClient, agent: str) -> None:
    doc = api.post(f"/agents/{agent}/docs", {"title": "Tides", "content": ["High at four.", "Low at ten."]}).json()

    async def act(client: Client) -> dict[str, Any]:
        return {
            "tools": (await client.list_tools()).tools,
            "said": await client.call_tool("agent_harbour", {"message": "High tide?"}),
            "doubled": await client.call_tool("task_double", {"n": 21}),
            "found": await client.call_tool("docs_search", {"query": "high", "agent": "harbour"}),
            "docs": (await client.list_resources()).resources,
            "text": (await client.read_resource(f"doc://{doc['id']}")).contents[0],
            "prompts": (await client.list_prompts()).prompts,
            "prompt": await client.get_prompt("agent_harbour"),
        }

    got = talk(mode, act)
    tools = {tool.name: tool for tool in got["tools"]}
    assert tools.keys() == {"agent_harbour", "task_double", "task_ask", *OWN}
    assert tools["task_double"].input_schema["required"] == ["n"]
    assert "Knows the tides." in tools["agent_harbour"].description
    assert "High tide?" in got["said"].structured_content["text"]
    assert got["doubled"].structured_content["output"] == {"n": 42}
    assert got["found"].structured_content["docs"][0]["uri"] == f"doc://{doc['id']}"
    assert [(one.uri, one.name) for one in got["docs"]] == [(f"doc://{doc['id']}", "Tides")]
    assert got["text"].text == "High at four.\n\nLow at ten."
    assert [prompt.name for prompt in got["prompts"]] == ["agent_harbour"]
    assert got["prompt"].messages[0].content.text == "Be brief."


@pytest.mark.parametrize("mode", MODES)
def test_a_conversation_goes_on(mode: str, talk: Talk, api: ApiClient, agent: str) -> None:
    async def act(client: Client) -> Any:
        first = (await client.call_tool("agent_harbour", {"message": "One"})).structured_content
        again = {"message": "Two", "session_id": first["session_id"]}
        return (await client.call_tool("agent_harbour", again)).structured_content

    session_id = talk(mode, act)["session_id"]
    said = [entry["content"] for entry in api.get(f"/sessions/{session_id}/history").json()["entries"]]
    assert [said[0], said[2]] == ["One", "Two"]


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_asks_is_answered(mode: str, talk: Talk, agent: str) -> None:
    async def act(client: Client) -> Any:
        asked = (await client.call_tool("task_ask", {})).structured_content
        run = {"execution_id": asked["execution_id"]}
        await client.call_tool("run_resume", {**run, "input": 7, "wait_id": asked["waits"][0]["id"]})
        while (ended := (await client.call_tool("run_get", run)).structured_content)["status"] == "running":
            pass
        return asked, ended

    asked, ended = talk(mode, act)
    assert asked["status"] == "awaiting_input"
    assert asked["waits"][0]["asked"] == {"question": "How many?"}
    assert (ended["status"], ended["output"]) == ("succeeded", 7)


def test_a_wait_for_an_event_asks_nobody(talk: Talk, api: ApiClient, agent: str) -> None:
    await_it = {"name": "Await", "canonical_name": "await_it", "main": [{"wait_for_event": {"name": "paid"}}]}
    assert api.post(f"/agents/{agent}/tasks", await_it).status_code == 201

    async def act(client: Client) -> Any:
        request = Request[dict[str, Any], str](method="tools/call", params={"name": "task_await_it", "arguments": {}})
        return (await client.session.send_request(request, Anything)).model_dump()

    made = talk(MODERN, act, extensions=[advertise(EXTENSION)])
    assert (made["resultType"], made["status"]) == ("task", "working")


@pytest.mark.parametrize("mode", MODES)
def test_what_goes_wrong_is_told(mode: str, talk: Talk, agent: str) -> None:
    async def act(client: Client) -> Any:
        wrong = await client.call_tool("task_double", {"n": "x"})
        lost = await client.call_tool("run_get", {"execution_id": str(uuid4())})
        with pytest.raises(MCPError, match="not found"):
            await client.call_tool("task_none", {})
        with pytest.raises(MCPError, match="not found"):
            await client.read_resource(f"doc://{uuid4()}")
        return wrong, lost

    wrong, lost = talk(mode, act)
    assert (wrong.is_error, lost.is_error) == (True, True)
    assert "not of type 'integer'" in wrong.content[0].text or "integer" in wrong.content[0].text
    assert Execution.objects.count() == 0


def test_a_client_that_knows_tasks_gets_one(talk: Talk, agent: str) -> None:
    async def act(client: Client) -> Any:
        async def send(method: str, **params: Any) -> Any:
            request = Request[dict[str, Any], str](method=method, params=params)
            return (await client.session.send_request(request, Anything)).model_dump()

        made = await send("tools/call", name="task_ask", arguments={})
        got = await send("tasks/get", taskId=made["taskId"])
        [key] = got["inputRequests"]
        answer = {"action": "accept", "content": {"answer": "seven"}}
        await send("tasks/update", taskId=made["taskId"], inputResponses={key: answer})
        while (ended := await send("tasks/get", taskId=made["taskId"]))["status"] == "working":
            pass
        other = await send("tools/call", name="task_ask", arguments={})
        await send("tasks/cancel", taskId=other["taskId"])
        return made, got, ended, await send("tasks/get", taskId=other["taskId"])

    made, got, ended, cancelled = talk(MODERN, act, extensions=[advertise(EXTENSION)])
    assert (made["resultType"], made["status"]) == ("task", "input_required")
    assert [request["params"]["message"] for request in got["inputRequests"].values()] == ["How many?"]
    assert (ended["status"], ended["result"]["structuredContent"]["output"]) == ("completed", "seven")
    assert cancelled["status"] == "cancelled"
