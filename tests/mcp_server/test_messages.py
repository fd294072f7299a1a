"""What is refused, and what no client of the library would send."""

import re
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from agents.models import Agent, Developer, Project
from docs_store.models import Doc
from executions.models import Execution
from sessions.models import Session
from tests import described
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend
from tests.mcp_server.conftest import MODERN, MODES, Talk

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture
def http(backend: Backend) -> Any:
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept": "application/json, text/event-stream"}
    hooks = {"response": [_hold]}
    with httpx.Client(base_url=backend.url, headers=headers, trust_env=False, timeout=60, event_hooks=hooks) as client:
        yield client


def _hold(answer: httpx.Response) -> None:
    """To the API description, as every other answer is."""
    told = SimpleNamespace(
        streaming=False, content=answer.read(), headers=answer.headers, status_code=answer.status_code
    )
    described.hold(answer.request.method, answer.request.url.path, told)


def test_without_a_key(http: httpx.Client) -> None:
    refused = http.post("/mcp", json=LIST, headers={"Authorization": "Bearer wrong"})
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert http.get("/.well-known/oauth-protected-resource/mcp").status_code == 404


def test_clients_without_a_token_are_sent_to_who_gives_them_out(db: None, settings: Any) -> None:
    settings.PUBLIC_URL, settings.MCP_AUTHORIZATION_SERVERS = "https://here.example", ["https://auth.example"]
    refused = ApiClient("wrong").post("/mcp", LIST)
    [address] = re.findall(r'resource_metadata="https://here\.example(/\S+)"', refused["WWW-Authenticate"])
    told = ApiClient(None).get(address).json()
    assert (refused.status_code, told["resource"]) == (401, "https://here.example/mcp")
    assert told["authorization_servers"] == ["https://auth.example"]


def test_only_messages_are_taken(http: httpx.Client) -> None:
    assert [http.request(method, "/mcp").status_code for method in ("GET", "DELETE")] == [405, 405]


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000, b'{"params": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"[" + b"[]," * 300_000 + b"[]]"],
)
def test_what_is_nested_too_deep_or_has_too_many_parts(http: httpx.Client, body: bytes) -> None:
    refused = http.post("/mcp", content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32700)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"NaN", b'{"jsonrpc": "2.0", "id": 1}'])
@pytest.mark.parametrize("version", [None, MODERN])
def test_what_is_no_message(http: httpx.Client, body: bytes, version: str | None) -> None:
    named = {} if version is None else {"MCP-Protocol-Version": version}
    refused = http.post("/mcp", content=body, headers={"Content-Type": "application/json", **named})
    assert 400 <= refused.status_code < 500
    assert refused.json()["error"]["code"] in (-32700, -32600, -32602)


def test_wrong_arguments_are_told_of_by_the_names_of_the_tool(talk: Talk, agent: str) -> None:
    async def act(client: Client) -> list[str]:
        asked: list[dict[str, Any]] = [
            {"text": "tide", "agent": "harbour"},
            {"query": "tide", "agent": "harbour", "limit": 99},
            {"query": "", "agent": "harbour"},
        ]
        results = [await client.call_tool("docs_search", given) for given in asked]
        assert all(result.is_error for result in results)
        return [result.content[0].text for result in results]  # type: ignore[union-attr]

    missing, too_many, empty = talk(MODERN, act)
    assert "query: Field required" in missing and "text: Extra inputs are not permitted" in missing
    assert "limit: 99 is greater than the maximum of 20" in too_many
    assert "query: " in empty and "text" not in empty


def test_rows_of_another_developer_are_not_there(talk: Talk, agent: str) -> None:
    stranger = Developer.objects.create(email="stranger@example.com")
    project = Project.objects.create(developer=stranger, name="p", canonical_name="p")
    theirs = Agent.objects.create(developer=stranger, project=project, name="Bay", canonical_name="bay")
    doc = Doc.objects.create(developer=stranger, agent=theirs, title="Secret tides", content_hash="h")

    async def act(client: Client) -> list[str]:
        told = [tool.name for tool in (await client.list_tools()).tools]
        told += [resource.uri for resource in (await client.list_resources()).resources]
        for ask in (
            lambda: client.call_tool("agent_bay", {"message": "Hi"}),
            lambda: client.read_resource(f"doc://{doc.pk}"),
            lambda: client.get_prompt("agent_bay"),
        ):
            with pytest.raises(Exception, match="not found"):
                await ask()
        found = await client.call_tool("docs_search", {"query": "tides", "agent": "bay"})
        block: Any = found.content[0]
        return [*told, block.text]

    told = talk(MODERN, act)
    assert not {"agent_bay", f"doc://{doc.pk}"} & set(told)
    assert told[-1] == "Agent not found"


def test_what_is_hidden_is_not_there(talk: Talk, api: ApiClient, agent: str) -> None:
    doc = api.post(f"/agents/{agent}/docs", {"title": "Tides", "content": ["High at four."]}).json()["id"]
    api.patch(f"/agents/{agent}", {"metadata": {"mcp": False}})

    async def act(client: Client) -> Any:
        lists = (await client.list_prompts()).prompts, (await client.list_resources()).resources
        for ask in (lambda: client.get_prompt("agent_harbour"), lambda: client.read_resource(f"doc://{doc}")):
            with pytest.raises(MCPError, match="not found"):
                await ask()
        names = [tool.name for tool in (await client.list_tools()).tools]
        return lists, names, await client.call_tool("docs_search", {"query": "high", "agent": "harbour"})

    lists, names, found = talk(MODERN, act)
    assert lists == ([], [])
    assert "agent_harbour" not in names and "task_double" in names
    assert found.content[0].text == "Agent not found"


def test_a_talk_that_fails_leaves_no_session(talk: Talk, api: ApiClient, agent: str) -> None:
    api.patch(f"/agents/{agent}", {"model": "nobody/none"})

    async def act(client: Client) -> Any:
        return await client.call_tool("agent_harbour", {"message": "Hi"})

    assert talk(MODERN, act).is_error
    assert not Session.objects.exists()


@pytest.mark.parametrize("mode", MODES)
def test_large_outputs_are_left_where_they_are(mode: str, talk: Talk, api: ApiClient, agent: str) -> None:
    large = {"name": "Large", "canonical_name": "large", "main": [{"evaluate": {"text": "$ 'x' * 600_000"}}]}
    assert api.post(f"/agents/{agent}/tasks", large).status_code == 201

    async def act(client: Client) -> Any:
        return await client.call_tool("task_large", {})

    told = talk(mode, act)
    assert told.structured_content["output"] is None
    assert told.structured_content["execution_id"] in told.content[0].text


def test_a_key_that_may_only_read(talk: Talk, api: ApiClient, agent: str) -> None:
    made = api.post("/api_keys", {"label": "reader", "scopes": ["read"]}).json()

    async def act(client: Client) -> Any:
        names = [tool.name for tool in (await client.list_tools()).tools]
        return names, await client.call_tool("task_double", {"n": 1}), await client.call_tool("run_get", {})

    names, refused, read = talk(MODERN, act, key=made["key"])
    assert "task_double" in names
    assert "no scope write" in refused.content[0].text
    assert "execution_id" in read.content[0].text
    assert not Execution.objects.exists()
