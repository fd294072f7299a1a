"""MCP servers that people sign in to: found out, asked for their tools, and called in somebody's name."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.connections.exchange import Granted
from agents.connections.models import Connection, Provider
from agents.connections.sealed import Tokens
from agents.connections.services import connected
from agents.mcp import pinning
from agents.mcp.models import McpServer as ServerRow
from agents.mcp.pinning import ask_others
from agents.models import Agent, Developer, Project, Tool
from tests.connections.conftest import HERE, Person
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import AuthorizationServer
from tests.loopback.mcp_server import McpServer


@pytest.mark.parametrize("takes_documents", [False, True])
def test_a_server_says_where_one_signs_in(
    flow: FlowRunner,
    service: AuthorizationServer,
    harbour: McpServer,
    person: Person,
    user: str,
    takes_documents: bool,
) -> None:
    service.said_issuer = service.url
    service.metadata["client_id_metadata_document_supported"] = takes_documents
    agent = flow.api.post("/agents", {"name": "Ada", "model": "offline/echo"}).json()["id"]
    spec: dict[str, Any] = {"server": {"url": harbour.http, "connection": {}}}
    tool = flow.api.post(f"/agents/{agent}/tools", {"name": "sea", "type": "mcp", "mcp": spec}).json()
    server = f"/agents/{agent}/tools/{tool['id']}/server"
    assert "nobody has signed in there yet" in flow.api.get(server).json()["problem"]
    listing = {"tool": "sea", "method": "list_tools", "arguments": {}}
    task = flow.api.post(f"/agents/{agent}/tasks", {"name": "t", "main": [listing]}).json()
    run = flow.start(task["id"], {}, {"user_id": user})
    (wait,) = (row["output"] for row in flow.log(run["id"]) if row["type"] == "wait")

    provider = Provider.objects.get()
    document = f"{HERE}/connections/clients/{provider.pk}"
    assert provider.client_id == (document if takes_documents else "registered-1")
    described = person.browser.get(document.removeprefix(HERE))
    assert described.status_code == (200 if takes_documents else 404)
    if takes_documents:
        assert described.json()["client_id"] == document
        assert described.json()["redirect_uris"] == [f"{HERE}/connections/callback/{provider.pk}"]
    query = person.service_query(person.open(wait["url"])["location"])
    assert (query["resource"], query["scope"]) == (harbour.http, "tides")

    assert person.sign_in(wait["url"]).status_code == 200

    names = [each["name"] for each in flow.settle(run["id"])["output"]["tools"]]
    assert "tide" in names
    # It was asked for its tools as soon as it could be.
    assert {each["name"] for each in flow.api.get(server).json()["tools"]} == set(names)
    steps = [
        {"tool": f"sea__{name}", "arguments": given} for name, given in (("told", {}), ("tide", {"port": "$ 'B'"}))
    ]
    task = flow.api.post(f"/agents/{agent}/tasks", {"name": "u", "main": steps}).json()
    run = flow.start(task["id"], {}, {"user_id": user})
    assert run["output"] == {"port": "B", "metres": 2.5}
    told = next(row["output"] for row in flow.log(run["id"]) if row["type"] == "step")
    assert told == "key Bearer ***connection***"
    # What the server takes no more is renewed, and the call made again.
    service.issued.clear()
    assert flow.start(task["id"], {}, {"user_id": user})["output"] == {"port": "B", "metres": 2.5}
    assert len(service.issued) == 1


def test_every_server_is_asked_when_somebody_has_signed_in(
    flow: FlowRunner, service: AuthorizationServer, harbour: McpServer, person: Person, user: str
) -> None:
    """However many there are: some at once, the others by and by, each once for a sign-in."""
    service.said_issuer = service.url
    agent = flow.api.post("/agents", {"name": "Ada", "model": "offline/echo"}).json()["id"]
    spec: dict[str, Any] = {"server": {"url": harbour.http, "connection": {}}}
    for number in range(6):
        made = flow.api.post(f"/agents/{agent}/tools", {"name": f"sea{number}", "type": "mcp", "mcp": spec})
        assert made.status_code == 201
    unlisted = ServerRow.objects.filter(listed_at=None)
    assert (unlisted.count(), ask_others()) == (6, 0)

    link = flow.api.post("/connections", {"server": harbour.http, "user_id": user}).json()["url"]
    assert person.sign_in(link).status_code == 200

    assert [unlisted.count()] + [ask_others() for _ in range(4)] == [3, 1, 1, 1, 0]
    assert not unlisted.exists()


def one_to_be_asked(year: int) -> ServerRow:
    """The server of a developer of its own, which was not asked since that year, and cannot be."""
    developer = Developer.objects.create(email=f"{year}@example.com")
    project = Project.objects.create(developer=developer, name="p", canonical_name="p")
    agent = Agent.objects.create(developer=developer, project=project, name="Ada", canonical_name="ada")
    provider = Provider.objects.create(developer=developer, name="p", kind="oauth", registration="configured")
    connected(
        Connection.objects.create(developer=developer, provider=provider),
        Granted(Tokens("access", ""), lives_s=None, scopes=()),
    )
    spec = {"server": {"url": "http://127.0.0.1:1/mcp", "connection": {}}}
    tool = Tool.objects.create(developer=developer, agent=agent, name="sea", type="mcp", spec=spec)
    pinning.pin_stored(tool)
    ServerRow.objects.filter(tool=tool).update(updated_at=datetime(year, 1, 1, tzinfo=UTC))
    return ServerRow.objects.get(tool=tool)


@pytest.mark.django_db
@pytest.mark.parametrize("breaks", [False, True])
def test_who_waits_longest_is_asked_first_whatever_becomes_of_others(
    monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    """Of developers that were made in another order than they wait in."""
    rows = [one_to_be_asked(year) for year in (2022, 2020, 2021)]
    monkeypatch.setattr(pinning, "_MOST_AT_ONCE", 2)
    asked: list[Any] = []
    pin = pinning.pin_stored

    def pinned(tool: Tool) -> None:
        asked.append(tool.pk)
        if breaks:
            raise KeyError("a bug")
        pin(tool)

    monkeypatch.setattr(pinning, "pin_stored", pinned)
    first, second, third = (row.tool_id for row in (rows[1], rows[2], rows[0]))
    assert (ask_others(), asked) == (2, [first, second])
    ask_others()
    # The others have signed in only just now, and come again behind those that were not asked.
    assert asked[2] == third
