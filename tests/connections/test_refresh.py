"""Renewing of tokens: by one at a time."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection as database

from agents.connections.exchange import Granted
from agents.connections.models import Connection, Provider
from agents.connections.sealed import Tokens
from agents.connections.services import connected
from agents.connections.tokens import access_token
from agents.models import Developer
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.loopback.authorization_server import AuthorizationServer

THREADS = 6


class Slow(AuthorizationServer):
    """Waits until all who want a token have asked for it; one is enough for it to answer."""

    def answer(self, request: RecordedRequest) -> Reply:
        threading.Event().wait(0.2)
        return super().answer(request)


@pytest.fixture
def slow(settings: Any) -> Iterator[AuthorizationServer]:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    with Slow() as server:
        yield server


@pytest.mark.django_db(transaction=True)
def test_a_token_is_renewed_once_however_many_want_it(slow: AuthorizationServer) -> None:
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
