"""Calls in somebody's name: a run waits until they have signed in, and goes on with the same call."""

from typing import Any

import pytest

from agents.audit.models import AuditRecord
from agents.connections import services
from agents.connections.models import Connection, Provider
from agents.vault.sealing import Place, Sealed, open_sealed
from executions.models import Execution, Transition
from julep_project.devservices.loopback import Reply
from tests.connections.conftest import HERE, Json, Person
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import AuthorizationServer

CALL = {"tool": "world", "arguments": {}}


def started(flow: FlowRunner, service: AuthorizationServer, user: str | None, main: Any = (CALL,)) -> Json:
    tool = api_tool(f"{service.url}/api", spec={"connection": {"provider": "github"}}, at_most_once=True)
    created = flow.create({"main": list(main), "tools": [tool]})
    assert created.status_code == 201, created.json()
    return flow.start(created.json()["id"], {}, None if user is None else {"user_id": user})


def waits_of(flow: FlowRunner, run: Json) -> list[Json]:
    return [row["output"] for row in flow.log(run["id"]) if row["type"] == "wait"]


def test_a_run_waits_for_a_sign_in_and_goes_on(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    runs = [started(flow, service, user), started(flow, service, user)]

    (asked,), (again,) = (waits_of(flow, run) for run in runs)
    assert [run["status"] for run in runs] == ["awaiting_input", "awaiting_input"]
    assert (asked["type"], asked["provider"], asked["user_id"]) == ("connection", "github", user)
    assert asked["url"] == again["url"] and asked["url"].startswith(f"{HERE}/connect/")
    (listed,) = flow.api.get("/connections", {"user_id": user}).json()["items"]
    assert (listed["id"], listed["status"], listed["scopes"]) == (asked["connection_id"], "pending", [])
    for query, count in (
        ({"status": "pending"}, 1),
        ({"status": "connected"}, 0),
        ({"provider": "GitHub"}, 1),
        ({"provider": "x"}, 0),
    ):
        assert len(flow.api.get("/connections", query).json()["items"]) == count
    assert service.requests == []

    done = person.sign_in(asked["url"])

    assert done.status_code == 200 and b"is connected" in done.content
    ended = [flow.settle(run["id"]) for run in runs]
    assert [run["output"]["json"] for run in ended] == [{"hello": "you", "sent": "Bearer ***connection***"}] * 2
    assert [row["type"] for row in flow.log(runs[0]["id"])] == ["init", "wait", "resume", "finish"]
    # Whoever is signed in is not asked again.
    assert started(flow, service, user)["status"] == "succeeded"
    assert flow.api.get(f"/connections/{asked['connection_id']}").json()["status"] == "connected"
    assert person.browser.get(asked["url"].removeprefix(HERE)).status_code == 410
    assert_nowhere(service)


def assert_nowhere(service: AuthorizationServer) -> None:
    """No token is in a row as it is."""
    row = Connection.objects.get()
    place = Place(row.developer_id, None, row.pk)
    assert service.issued[-1] in open_sealed(Sealed(row.sealed, row.sealed_with), place)
    tables = (Connection, Transition, Execution, AuditRecord)
    text = repr([list(table.objects.values()) for table in tables])
    assert not [token for token in service.issued if token in text]


def test_a_refusal_fails_the_call(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    caught = {"try": [CALL], "catch": [{"evaluate": {"type": "$ error.type", "message": "$ error.message"}}]}
    run = started(flow, service, user, [caught])

    done = person.sign_in(waits_of(flow, run)[0]["url"], error="access_denied")

    assert b"is not connected" in done.content
    assert flow.settle(run["id"])["output"] == {
        "type": "ConnectionRefused",
        "message": "the sign-in was not agreed to: access_denied",
    }


def test_a_token_is_its_users_and_goes_nowhere_else(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    made = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()
    assert person.sign_in(made["url"]).status_code == 200
    other = str(flow.api.post("/users", {"name": "Eve"}).json()["id"])

    assert started(flow, service, other)["status"] == "awaiting_input"
    nobody = started(flow, service, None)
    assert (nobody["status"], "`user_id`" in nobody["error"]) == ("failed", True)
    elsewhere = {"tool": "world", "arguments": {"url": "$ 'http://127.0.0.1:9/steal'"}}
    stolen = started(flow, service, user, [elsewhere])
    assert (stolen["status"], "another server" in stolen["error"]) == ("failed", True)
    assert started(flow, service, user)["status"] == "succeeded"


def test_an_address_that_takes_no_token_takes_none_from_its_user(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    service.gives_refresh = False
    made = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()
    assert person.sign_in(made["url"]).status_code == 200
    service.before["/api"] = Reply(401)
    # Just signed in, another token would not help.
    assert "401" in started(flow, service, user)["error"]
    Connection.objects.update(connected_at="2020-01-01T00:00:00Z")
    run = started(flow, service, user)
    (wait,) = waits_of(flow, run)
    assert flow.api.get(f"/connections/{made['id']}").json()["status"] == "connected"
    # Nor is anybody asked again and again.
    assert person.sign_in(wait["url"]).status_code == 200
    assert "401" in flow.settle(run["id"])["error"]


def test_a_call_is_not_made_again_behind_a_redirect(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    made = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()
    assert person.sign_in(made["url"]).status_code == 200
    service.before |= {"/api": Reply(303, headers={"location": "/login"}), "/login": Reply(401)}
    tool = api_tool(f"{service.url}/api", spec={"connection": {"provider": "github"}, "follow_redirects": True})
    task = flow.create({"main": [CALL], "tools": [tool]}).json()
    assert "401" in flow.start(task["id"], {}, {"user_id": user})["error"]
    assert [request.path for request in service.requests].count("/api") == 1


def test_a_token_for_one_server_goes_to_no_other(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, user: str
) -> None:
    Provider.objects.update(kind="mcp", resource=f"{service.url}/mcp", audience=f"{service.url}/mcp")
    run = started(flow, service, user)
    assert (run["status"], "are for another server" in run["error"]) == ("failed", True)


def test_a_sign_in_between_look_and_wait_is_noticed(
    flow: FlowRunner,
    service: AuthorizationServer,
    provider: Json,
    person: Person,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()["url"]
    make_link = services.make_link

    def late(*given: Any, **more: Any) -> Any:
        monkeypatch.undo()
        assert person.sign_in(url).status_code == 200
        return make_link(*given, **more)

    monkeypatch.setattr(services, "make_link", late)
    assert started(flow, service, user)["status"] == "succeeded"


def test_tokens_are_renewed_and_lost(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str
) -> None:
    service.lives_s = 30
    made = flow.api.post("/connections", {"provider": "github", "user_id": user}).json()
    person.sign_in(made["url"])

    # It is over soon, so that it is renewed first.
    assert started(flow, service, user)["status"] == "succeeded"
    assert len(service.issued) == 2
    # The service takes it no more before its time: another one is got.
    service.lives_s = 3600
    service.issued.clear()
    assert started(flow, service, user)["status"] == "succeeded"
    assert len(service.issued) == 1
    # And no other is given.
    service.issued.clear()
    service._refresh.clear()
    run = started(flow, service, user)
    assert run["status"] == "awaiting_input"
    assert flow.api.get(f"/connections/{made['id']}").json()["status"] == "expired"
    assert person.sign_in(waits_of(flow, run)[0]["url"]).status_code == 200
    assert flow.settle(run["id"])["status"] == "succeeded"

    # Somebody who is signed in may be asked for more.
    again = flow.api.post("/connections", {"provider": "github", "user_id": user, "scopes": ["repo", "gist"]}).json()
    assert (again["id"], again["status"], again["scopes"]) == (made["id"], "connected", ["repo"])
    assert person.sign_in(again["url"]).status_code == 200
    assert flow.api.get(f"/connections/{made['id']}").json()["scopes"] == ["repo", "gist"]

    # And so they are when the service says what a call lacks.
    lacking = 'Bearer error="insufficient_scope", scope="admin"'
    service.before["/api"] = Reply(403, headers={"www-authenticate": lacking})
    run = started(flow, service, user)
    asked = person.open(waits_of(flow, run)[0]["url"])["location"]
    assert person.service_query(asked)["scope"] == "repo gist admin"
    assert person.come_back(asked).status_code == 200
    # It has them now, and is told so once more: nobody is asked again and again.
    assert "403" in flow.settle(run["id"])["error"]

    gone = flow.api.delete(f"/connections/{made['id']}")
    assert gone.status_code == 202
    assert len(service.revoked) == 2
    assert flow.api.get(f"/connections/{made['id']}").status_code == 404


def test_an_integration_works_in_somebodys_name(
    flow: FlowRunner, service: AuthorizationServer, provider: Json, person: Person, user: str, settings: Any
) -> None:
    settings.INTEGRATION_ADDRESSES = {"google_sheets": service.url}
    service.before["/v4/spreadsheets/s/values/A1"] = Reply(200, {"range": "A1", "values": [[1]]})
    spec = {"provider": "google_sheets", "method": "read_values", "connection": {"provider": "github"}}
    tool = {"name": "cells", "type": "integration", "integration": spec}
    step = {"tool": "cells", "arguments": {"spreadsheet_id": "$ 's'", "range": "$ 'A1'"}}
    created = flow.create({"main": [step], "tools": [tool]})
    assert created.status_code == 201, created.json()
    run = flow.start(created.json()["id"], {}, {"user_id": user})
    assert person.sign_in(waits_of(flow, run)[0]["url"]).status_code == 200
    assert flow.settle(run["id"])["output"]["values"] == [[1]]
    sent = next(request for request in service.requests if request.path.startswith("/v4"))
    assert sent.headers["authorization"] == f"Bearer {service.issued[0]}"

    spec = {"provider": "wikipedia", "connection": {"provider": "github"}}
    refused = flow.create({"main": [step], "tools": [{"name": "cells", "type": "integration", "integration": spec}]})
    assert refused.status_code == 422
    assert "Nobody signs in at wikipedia" in str(refused.json())
