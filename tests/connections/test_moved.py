"""MCP servers that another authorization server protects than before: people sign in there, and nothing of what the one
before gave gets there."""

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection as database

from agents.audit.models import AuditRecord
from agents.connections.errors import ConnectionImpossible
from agents.connections.models import Connection, Provider
from agents.connections.providers import provider_now, provider_of_server
from agents.models import Developer
from julep_project.devservices.loopback import Reply
from tests.connections.conftest import Json, Person, protect
from tests.connections.test_runs import waits_of
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.loopback.mcp_server import McpServer

THREADS = 4


@pytest.fixture
def other() -> Iterator[AuthorizationServer]:
    """Where the server moves to, which may be hostile."""
    with AuthorizationServer() as server:
        yield server


@pytest.fixture
def elsewhere(other: AuthorizationServer, django_capture_on_commit_callbacks: Any) -> Person:
    return Person(other, django_capture_on_commit_callbacks)


def listing(flow: FlowRunner, server: McpServer, user: str, **connection: str) -> Json:
    """A run that asks the server for its tools in the name of the user."""
    spec = {"server": {"url": server.http, "connection": connection}}
    step = {"tool": "sea", "method": "list_tools", "arguments": {}}
    task = flow.create({"main": [step], "tools": [{"name": "sea", "type": "mcp", "mcp": spec}]})
    assert task.status_code == 201, task.json()
    return flow.start(task.json()["id"], {}, {"user_id": user})


@pytest.fixture
def connected(flow: FlowRunner, harbour: McpServer, person: Person, user: str) -> Provider:
    """The provider that was found out, with a user who has signed in."""
    run = listing(flow, harbour, user)
    assert person.sign_in(waits_of(flow, run)[0]["url"]).status_code == 200
    assert flow.settle(run["id"])["status"] == "succeeded"
    return Provider.objects.get()


def assert_nothing_leaked(service: AuthorizationServer, other: AuthorizationServer) -> None:
    """Nothing that the one gave, or was sent, is in what the other got."""
    given = {*service.issued, *service._refresh, SECRET}
    for request in service.requests:
        given |= {value for _, value in parse_qsl(request.body.decode()) if len(value) > 30 and "://" not in value}
    got = repr([(each.path, each.query, each.headers, each.body) for each in other.requests])
    assert len(given) > 2
    assert [secret for secret in given if secret in got] == []


@pytest.mark.parametrize("gives_refresh", [True, False])
def test_people_sign_in_where_the_server_has_moved_to(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    person: Person,
    elsewhere: Person,
    user: str,
    gives_refresh: bool,
) -> None:
    service.gives_refresh = gives_refresh
    first = listing(flow, harbour, user)
    assert person.sign_in(waits_of(flow, first)[0]["url"]).status_code == 200
    before, refreshes = Provider.objects.get(), len(service.requests)
    protect(harbour, other)

    run = listing(flow, harbour, user)

    (wait,) = waits_of(flow, run)
    after = Provider.objects.get()
    assert (after.issuer, after.name) == (other.url, before.name)
    assert after.pk != before.pk
    (row,) = flow.api.get("/connections").json()["items"]
    assert (row["provider_id"], row["status"]) == (str(after.pk), "pending")
    verbs = (
        AuditRecord.objects.filter(object_kind="connection_provider")
        .order_by("created_at")
        .values_list("verb", flat=True)
    )
    assert list(verbs) == ["create", "delete", "create"]
    # The one before was not even asked for another token.
    assert [each.path for each in service.requests[refreshes:] if each.path == "/token"] == []
    assert urlsplit(elsewhere.open(wait["url"])["location"]).netloc == urlsplit(other.url).netloc
    assert elsewhere.sign_in(wait["url"]).status_code == 200
    assert flow.settle(run["id"])["status"] == "succeeded"
    assert listing(flow, harbour, user)["status"] == "succeeded"
    assert_nothing_leaked(service, other)


def test_a_sign_in_under_way_comes_to_nothing(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    person: Person,
    user: str,
    connected: Provider,
) -> None:
    """A server that wants the code of somebody else's authorization server, with what redeems it."""
    url = flow.api.post("/connections", {"server": harbour.http, "user_id": user}).json()["url"]
    begun = person.open(url)["location"]
    back = service.sign_in(begun)
    protect(harbour, other)
    (wait,) = waits_of(flow, listing(flow, harbour, user))
    after = Provider.objects.get()
    for provider in (connected, after):
        assert person.browser.get(f"/connections/callback/{provider.pk}", back).status_code == 409
    # Nor in the browser of one that has begun at the other.
    assert person.open(wait["url"]).status_code == 303
    for provider in (connected, after):
        assert person.browser.get(f"/connections/callback/{provider.pk}", back).status_code == 409
    assert "/token" not in [each.path for each in other.requests]
    assert_nothing_leaked(service, other)
    assert back["code"] not in repr([each.body for each in other.requests])


def test_who_says_so_no_better_has_not_moved(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    user: str,
    connected: Provider,
) -> None:
    Provider.objects.update(discovered_at="2020-01-01T00:00:00Z")
    # The same: its token is renewed.
    service.issued.clear()
    assert listing(flow, harbour, user)["status"] == "succeeded"
    shown = flow.api.get(f"/connections/providers/{connected.pk}").json()
    assert shown["discovered_at"] > "2026"
    # What cannot be used is none, and costs nobody their connection.
    protect(harbour, other)
    other.metadata["code_challenge_methods_supported"] = ["plain"]
    failed = listing(flow, harbour, user)
    assert (failed["status"], "PKCE" in failed["error"]) == ("failed", True)
    # Nor is it another one when the server says nothing of itself.
    harbour.protection = {}
    listing(flow, harbour, user)
    assert Provider.objects.get().pk == connected.pk
    assert Connection.objects.get().status == "connected"
    assert_nothing_leaked(service, other)


@pytest.mark.parametrize("registration", ["dynamic", "configured"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_server_that_names_others_besides_has_not_moved(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    user: str,
    connected: Provider,
    registration: str,
    slash: str,
) -> None:
    """In whatever order."""
    Provider.objects.update(registration=registration)
    service.issued.clear()
    harbour.protection = {**harbour.protection, "authorization_servers": [other.url, 7, f"{service.url}{slash}"]}
    assert listing(flow, harbour, user)["status"] == "succeeded"
    assert (Provider.objects.get().pk, Connection.objects.get().status) == (connected.pk, "connected")
    assert other.requests == []


def test_a_client_that_was_registered_by_hand_goes_nowhere(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    person: Person,
    user: str,
) -> None:
    flow.api.post("/secrets", {"name": "CLIENT_SECRET", "value": SECRET})
    body = {"name": "sea", "resource": harbour.http, "client_id": CLIENT, "client_secret": "CLIENT_SECRET"}
    assert flow.api.post("/connections/providers", body).status_code == 201
    first = listing(flow, harbour, user, provider="sea")
    assert person.sign_in(waits_of(flow, first)[0]["url"]).status_code == 200
    protect(harbour, other)
    failed = listing(flow, harbour, user, provider="sea")
    assert (failed["status"], "another authorization server" in failed["error"]) == ("failed", True)
    assert (Provider.objects.get().issuer, Connection.objects.get().status) == (service.url, "connected")
    assert_nothing_leaked(service, other)


def test_an_authorization_server_that_is_gone_is_asked_for_nothing_more(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    elsewhere: Person,
    user: str,
    connected: Provider,
) -> None:
    Connection.objects.update(token_until="2020-01-01T00:00:00Z")
    service.before["/token"] = Reply(503)
    protect(harbour, other)
    run = listing(flow, harbour, user)
    assert elsewhere.sign_in(waits_of(flow, run)[0]["url"]).status_code == 200
    assert flow.settle(run["id"])["status"] == "succeeded"
    assert_nothing_leaked(service, other)


def test_before_somebody_is_asked_the_server_is(
    flow: FlowRunner,
    service: AuthorizationServer,
    other: AuthorizationServer,
    harbour: McpServer,
    user: str,
    connected: Provider,
) -> None:
    eve = str(flow.api.post("/users", {"name": "Eve"}).json()["id"])
    protect(harbour, other)
    # Not again and again.
    assert flow.api.post("/connections", {"server": harbour.http, "user_id": eve}).json()["provider_id"] == str(
        connected.pk
    )
    Provider.objects.update(discovered_at="2020-01-01T00:00:00Z")
    made = flow.api.post("/connections", {"server": harbour.http, "user_id": eve}).json()
    assert made["provider_id"] == str(Provider.objects.get().pk) != str(connected.pk)
    Provider.objects.update(discovered_at="2020-01-01T00:00:00Z")
    protect(harbour, service)
    (wait,) = waits_of(flow, listing(flow, harbour, eve))
    assert flow.api.get(f"/connections/{wait['connection_id']}").json()["provider_id"] == str(Provider.objects.get().pk)
    assert Provider.objects.get().issuer == service.url


@pytest.mark.django_db(transaction=True)
def test_of_many_that_find_it_out_one_is_the_client(
    harbour: McpServer, service: AuthorizationServer, other: AuthorizationServer
) -> None:
    developer = Developer.objects.create(email="one@example.com")
    before = provider_of_server(developer, harbour.http)
    protect(harbour, other)
    found: list[Any] = []
    begin = threading.Barrier(THREADS)

    def look() -> None:
        try:
            begin.wait(timeout=10)
            found.append(provider_now(developer, before).pk)
        finally:
            database.close()

    threads = [threading.Thread(target=look) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert found == [Provider.objects.get().pk] * THREADS
    Provider.objects.update(registration="configured")
    protect(harbour, service)
    with pytest.raises(ConnectionImpossible):
        provider_now(developer, Provider.objects.get())
