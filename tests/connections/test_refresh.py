"""Renewing of tokens: by one at a time."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection as database

from agents.connections import tokens
from agents.connections.errors import ProviderFaulty
from agents.connections.exchange import Client, Granted, GrantLost
from agents.connections.models import Connection, Provider
from agents.connections.sealed import Tokens
from agents.connections.services import connected, refreshed, revoke_connection
from agents.connections.tokens import access_token
from agents.models import Developer
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.loopback.authorization_server import AuthorizationServer

THREADS = 6


class Slow(AuthorizationServer):
    """Takes its time, in which the others ask as well."""

    def answer(self, request: RecordedRequest) -> Reply:
        threading.Event().wait(0.2)
        return super().answer(request)


@pytest.fixture
def slow(settings: Any) -> Iterator[AuthorizationServer]:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    with Slow() as server:
        yield server


def soon_over(slow: AuthorizationServer) -> tuple[Developer, Connection]:
    developer = Developer.objects.create(email="one@example.com")
    slow.clients["c"] = ""
    provider = Provider.objects.create(
        developer=developer,
        name="p",
        kind="oauth",
        token_url=f"{slow.url}/token",
        registration="configured",
        client_id="c",
        client_auth="none",
    )
    slow._refresh.add("refresh-0")
    row = Connection.objects.create(developer=developer, provider=provider)
    connected(row, Granted(Tokens("access-0", "refresh-0"), lives_s=1, scopes=()))
    return developer, row


@pytest.mark.django_db
def test_a_refresh_token_is_not_sent_again_while_it_is_unclear_what_came_of_it(
    slow: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    developer, row = soon_over(slow)
    monkeypatch.setattr(tokens, "_PATIENCE_S", 0.0)
    slow.before["/token"] = Reply(503)
    for _ in range(2):
        with pytest.raises(ProviderFaulty) as caught:
            access_token(developer, Connection.objects.select_related("provider").get(pk=row.pk))
        assert caught.value.retryable
    assert len(slow.requests) == 1
    # Later it may, and then what comes of it counts.
    del slow.before["/token"]
    Connection.objects.update(renewing_until="2020-01-01T00:00:00Z")
    found = access_token(developer, Connection.objects.select_related("provider").get(pk=row.pk))
    assert (found, Connection.objects.get().renewing_until) == (slow.issued[0], None)


@pytest.mark.django_db
def test_what_another_process_has_renewed_meanwhile_stays(
    slow: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one finds that stood still for longer than a renewal may take."""
    developer, row = soon_over(slow)

    def refresh(self: Client, seen: Tokens) -> Granted:
        refreshed(Connection.objects.get(), Granted(Tokens("access-1", "refresh-1"), lives_s=3600, scopes=()))
        raise GrantLost("the service does not know it")

    monkeypatch.setattr(Client, "refresh", refresh)
    found = access_token(developer, Connection.objects.select_related("provider").get(pk=row.pk))
    assert (found, Connection.objects.get().status) == ("access-1", "connected")


@pytest.mark.django_db
@pytest.mark.parametrize("with_provider", [False, True])
def test_what_comes_after_a_connection_is_deleted_is_given_back(
    slow: AuthorizationServer, monkeypatch: pytest.MonkeyPatch, with_provider: bool
) -> None:
    developer, row = soon_over(slow)
    Provider.objects.update(revoke_url=f"{slow.url}/revoke")
    refresh = Client.refresh

    def refresh_late(self: Client, seen: Tokens) -> Granted:
        granted = refresh(self, seen)
        if with_provider:
            Provider.objects.all().delete()
        else:
            revoke_connection(developer, row.pk)
        slow.revoked.clear()
        return granted

    monkeypatch.setattr(Client, "refresh", refresh_late)
    assert access_token(developer, Connection.objects.select_related("provider").get(pk=row.pk)) is None
    assert slow.issued[0] in slow.revoked and len(slow.revoked) == 2


@pytest.mark.django_db
def test_what_comes_after_a_new_sign_in_costs_nobody_that(
    slow: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some services end all that a user gave a client with any of its tokens."""
    developer, row = soon_over(slow)
    Provider.objects.update(revoke_url=f"{slow.url}/revoke")
    refresh = Client.refresh

    def refresh_late(self: Client, seen: Tokens) -> Granted:
        granted = refresh(self, seen)
        connected(Connection.objects.get(), Granted(Tokens("access-new", "refresh-new"), lives_s=3600, scopes=()))
        return granted

    monkeypatch.setattr(Client, "refresh", refresh_late)
    assert access_token(developer, Connection.objects.select_related("provider").get(pk=row.pk)) == "access-new"
    assert (len(slow.issued), slow.revoked) == (1, [])


@pytest.mark.django_db
@pytest.mark.parametrize("lives", [0, -5, True, "0", "soon"])
def test_a_token_that_is_said_to_be_over_is_tried(slow: AuthorizationServer, lives: Any) -> None:
    developer, row = soon_over(slow)
    told = {"access_token": "access-1", "token_type": "Bearer", "expires_in": lives}
    slow.before["/token"] = Reply(200, told)
    fresh = Client.of(developer, row.provider).redeem("code", "state")
    connected(Connection.objects.get(), replace(fresh, tokens=Tokens("access-1", "")))
    found = Connection.objects.select_related("provider").get(pk=row.pk)
    assert access_token(developer, found) == "access-1"
    assert Connection.objects.get().status == "connected"


@pytest.mark.django_db(transaction=True)
def test_a_token_is_renewed_once_however_many_want_it(slow: AuthorizationServer) -> None:
    developer, row = soon_over(slow)
    found: list[Any] = []
    begin = threading.Barrier(THREADS)

    def want() -> None:
        try:
            mine = Connection.objects.select_related("provider").get(pk=row.pk)
            begin.wait(timeout=10)
            found.append(access_token(developer, mine))
        finally:
            database.close()

    threads = [threading.Thread(target=want) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(slow.requests) == 1
    assert found == [slow.issued[0]] * THREADS
