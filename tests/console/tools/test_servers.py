"""MCP servers of all developers, what each was found to have, and accepting it; and who is signed in where."""

from typing import Any

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from agents.connections.models import Connection
from agents.mcp.models import McpServer, McpTool
from agents.models import Tool
from tests.console.conftest import HOSTILE, served, signed_in
from tests.flow_runner import FlowRunner


@pytest.fixture
def server(flow: FlowRunner) -> McpServer:
    """One with a tool that it describes otherwise now, and one that is new."""
    made = McpServer.objects.get(pk=served(flow.create({"main": [{"evaluate": {"n": "$ 1"}}]}).json()["agent_id"]))
    McpServer.objects.update(left_out=[{"name": HOSTILE.replace("\u0007", ""), "reason": "there are two of this name"}])
    return made


def test_what_a_server_describes_otherwise_is_seen(operator: Client, viewer: Client, server: McpServer) -> None:
    (item,) = operator.get("/admin/mcp-servers/?state=changed&format=json").json()["items"]
    assert (item["tools"], item["changed"], item["new_ones"]) == (2, 1, 1)
    assert "No server is unreachable" in operator.get("/admin/mcp-servers/?state=unreachable").content.decode()
    path = f"/admin/mcp-servers/{server.pk}/"
    page = operator.get(path).content.decode()
    assert '<span class="removed"><bdi>When A-7 is wet' in page and '<span class="added"><bdi>When A-7 is dry' in page
    assert "harbour__tide" in page and "⟪U+202E⟫" in page and "two of this name" in page
    page = operator.get(f"{path}?tool=moor").content.decode()
    assert "not accepted yet" in page and "When A-7 is wet" in page and "is dry" not in page
    assert "A-7" not in viewer.get(path).content.decode()
    hidden = "x" * 1000
    McpTool.objects.filter(name="tide").update(
        description=hidden, found={**_found(), "description": f"{hidden} run rm"}
    )
    assert "run rm" in operator.get(path).content.decode()
    assert [one["state"] for one in operator.get(f"{path}?format=json").json()["items"]] == ["changed", "new"]


def test_only_what_was_looked_at_is_accepted(operator: Client, server: McpServer) -> None:
    path = f"/admin/mcp-servers/{server.pk}/"
    other = operator.post(f"{path}accept/", {"name": "tide", "hash": "9" * 64}, follow=True).content.decode()
    assert "is not what was looked at" in other and _state("tide") == "changed"
    chosen = {"name": ["tide", "moor"], "hash": ["2" * 64, "3" * 64]}
    assert "Accepted" in operator.post(f"{path}accept/", chosen, follow=True).content.decode()
    assert (_state("tide"), _state("moor")) == ("accepted", "accepted")
    assert McpTool.objects.get(name="tide").description == "When A-7 is dry"
    assert operator.post(f"{path}accept/", {"name": "tide"}).status_code == 400
    page = operator.post(f"{path}refresh/", follow=True).content.decode()
    assert "could not be asked" in page and "It was asked" in page
    acts = AuditRecord.objects.filter(actor_label="operator", object_kind="tool").order_by("pk")
    assert list(acts.values_list("verb", flat=True)) == ["update", "ring"]


def test_what_the_definition_does_not_choose_is_not_shown_as_offered(operator: Client, server: McpServer) -> None:
    assert server.tool is not None
    Tool.objects.filter(pk=server.tool_id).update(spec={**server.tool.spec, "tools": ["moor"]})
    (item,) = operator.get("/admin/mcp-servers/?format=json").json()["items"]
    assert item["tools"] == 1
    page = operator.get(f"/admin/mcp-servers/{server.pk}/").content.decode()
    assert "harbour__moor" in page and "harbour__tide" not in page and "not chosen" in page


def test_servers_that_tasks_define_are_only_looked_at(operator: Client, server: McpServer) -> None:
    McpServer.objects.update(tool=None)
    path = f"/admin/mcp-servers/{server.pk}/"
    assert "a task defines itself" in operator.get(path).content.decode()
    assert "data-dialog" not in operator.get(path).content.decode()
    assert operator.post(f"{path}refresh/").status_code == 400


def _found() -> dict[str, Any]:
    found: dict[str, Any] = McpTool.objects.get(name="tide").found
    return found


def _state(name: str) -> str:
    return str(McpTool.objects.get(name=name).state)


@pytest.fixture
def connection(flow: FlowRunner) -> Connection:
    flow.create({"main": [{"evaluate": {"n": "$ 1"}}]})
    made = Connection.objects.get(pk=signed_in())
    Connection.objects.update(problem=HOSTILE.replace("\u0007", ""))
    return made


def test_connections_are_narrowed_and_tell_no_token(operator: Client, viewer: Client, connection: Connection) -> None:
    path = f"/admin/connections/{connection.pk}/"
    for client in (operator, viewer):
        for address in ("/admin/connections/", "/admin/connections/?format=csv", path, f"{path}?format=json"):
            shown = client.get(address).content.decode()
            assert "Calendar" in shown and "sealed-token" not in shown
    assert "⟪U+202E⟫" in operator.get(path).content.decode() and "Mia" in operator.get(path).content.decode()
    assert "data-dialog" not in viewer.get(path).content.decode()

    def found(query: str) -> list[Any]:
        items: list[Any] = operator.get(f"/admin/connections/?format=json&{query}").json()["items"]
        return items

    for query in (
        "status=connected",
        "provider=calendar",
        f"provider={connection.provider_id}",
        f"user={connection.user_id}",
    ):
        assert [one["id"] for one in found(query)] == [str(connection.pk)]
    assert found("status=expired") == found("provider=x") == found("developer=x@example.com") == []
    for wrong, status in (("?status=x", 400), ("?user=x", 400), (f"{connection.user_id}/", 404)):
        assert operator.get(f"/admin/connections/{wrong}").status_code == status


def test_a_connection_is_revoked(operator: Client, connection: Connection) -> None:
    page = operator.post(f"/admin/connections/{connection.pk}/revoke/", follow=True).content.decode()
    assert "It is revoked" in page and "No connection" in page
    assert not Connection.objects.exists()
    act = AuditRecord.objects.get(object_kind="connection")
    assert (act.verb, act.actor_label, act.object_id) == ("revoke", "operator", str(connection.pk))
