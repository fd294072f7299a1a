"""Chats whose tools call in the user's name: the chat ends with a link, and goes on when the user has signed in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from agents.connections.exchange import Granted
from agents.connections.models import Connection, Provider
from agents.connections.sealed import Tokens
from agents.connections.services import connected
from agents.llm.own.scripted import scripted_model
from julep_project.core.clock import now
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.chat.approvals.test_decisions import calls, decisions
from tests.chat.conftest import Talk
from tests.loopback.authorization_server import AuthorizationServer
from tests.loopback.mcp_server import McpServer
from tests.loopback.web_server import WebServer

CALL = ("c1", "issues", {})


@pytest.fixture
def session(talk: Talk, web_server: WebServer, settings: Any) -> str:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.PUBLIC_URL = "https://agents.example.com"
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    url = web_server.script("/issues", lambda request: Reply(200, {"sent": request.headers["authorization"]}))
    place = {"authorize_url": f"{web_server.url}/a", "token_url": f"{web_server.url}/t", "client_id": "c"}
    assert talk.api.post("/connections/providers", {"name": "github", **place}).status_code == 201
    agent = talk.agent()
    spec = {"method": "GET", "url": url, "include_response_content": False, "connection": {"provider": "github"}}
    talk.tool(agent, name="issues", type="api_call", api_call=spec)
    user = talk.api.post("/users", {"name": "Ann"}).json()["id"]
    return talk.session(agent, user=user, auto_run_tools=True)


def test_a_chat_ends_with_a_link_and_goes_on(talk: Talk, session: str, web_server: WebServer) -> None:
    with scripted_model([calls(CALL)]):
        asked = talk.ask(session, "Which issues are there?")

    assert asked["choices"][0]["finish_reason"] == "requires_action"
    (needed,) = asked["requires_action"]
    assert (needed["type"], needed["provider"], needed["tool_call_id"]) == ("connection", "github", "c1")
    assert needed["needs_approval"] is False
    assert needed["url"].startswith("https://agents.example.com/connect/")
    assert talk.api.get(f"/sessions/{session}/history").json()["requires_action"] == [needed]
    with scripted_model([]):
        early = talk.chat(session, approvals=decisions(asked, "approve"))
    assert (early.status_code, early.json()["error"]["code"]) == (409, "action_missing")
    assert [request.path for request in web_server.requests] == []

    connected(Connection.objects.select_related("provider").get(), Granted(Tokens("a-token-of-ann"), None, ()))
    assert Provider.objects.get().name == "github"
    with scripted_model(["None"]) as model:
        answer = talk.ask(session, approvals=decisions(asked, "approve"))

    assert answer["choices"][0]["message"]["content"] == "None"
    assert web_server.requests[0].headers["authorization"] == "Bearer a-token-of-ann"
    told = model.requests[0].messages[-1]["content"]
    assert "Bearer ***connection***" in told and "a-token-of-ann" not in told


def test_a_service_that_wants_another_sign_in_once_it_is_called(
    talk: Talk, session: str, web_server: WebServer
) -> None:
    def issues(request: RecordedRequest) -> Reply:
        return Reply(401 if "old" in request.headers["authorization"] else 200, {"issues": 0})

    def signed_in(token: str) -> None:
        connected(Connection.objects.select_related("provider").get(), Granted(Tokens(token), None, ()))

    web_server.script("/issues", issues)
    with scripted_model([calls(CALL)]):
        asked = talk.ask(session, "Which issues are there?")
    signed_in("old")
    Connection.objects.update(connected_at=now() - timedelta(days=1))
    with scripted_model([]):
        again = talk.ask(session, approvals=decisions(asked, "approve"))

    (needed,) = again["requires_action"]
    assert (again["choices"][0]["finish_reason"], needed["type"]) == ("requires_action", "connection")
    assert needed["url"].startswith("https://agents.example.com/connect/")
    signed_in("new")
    with scripted_model(["None"]):
        answer = talk.ask(session, approvals=decisions(again, "approve"))
    assert answer["choices"][0]["message"]["content"] == "None"


@pytest.fixture
def sea(talk: Talk, settings: Any) -> Iterator[str]:
    """A session whose agent has a server that nobody has signed in to."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.PUBLIC_URL = "https://agents.example.com"
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    with AuthorizationServer() as service, McpServer() as server:
        service.said_issuer = service.url
        server.admits = lambda sent: "a-token-of-ann" in sent
        server.protection = {"resource": server.http, "authorization_servers": [service.url]}
        agent = talk.agent()
        talk.tool(agent, name="sea", type="mcp", mcp={"server": {"url": server.http, "connection": {}}})
        user = talk.api.post("/users", {"name": "Ann"}).json()["id"]
        yield talk.session(agent, user=user, auto_run_tools=True)


def test_a_server_that_nobody_has_signed_in_to_is_signed_in_to_in_a_chat(talk: Talk, sea: str) -> None:
    with scripted_model([calls(("c1", "sea__sign_in", {}))]) as model:
        asked = talk.ask(sea, "Tide?")
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["sea__sign_in"]
    (needed,) = asked["requires_action"]
    assert (needed["type"], needed["needs_approval"]) == ("connection", False)

    connected(Connection.objects.select_related("provider").get(), Granted(Tokens("a-token-of-ann"), None, ()))
    with scripted_model([calls(("c2", "sea__tide", {"port": "B"})), "2.5 metres"]) as model:
        answer = talk.ask(sea, approvals=decisions(asked, "approve"))

    assert answer["choices"][0]["message"]["content"] == "2.5 metres"
    assert "sea__tide" in model.requests[0].messages[-1]["content"]
    offered = {tool["function"]["name"] for tool in model.requests[0].tools}
    assert "sea__tide" in offered and "sea__sign_in" not in offered
