"""Endpoints with a receiver on loopback."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.api_client import ApiClient
from tests.loopback.web_server import WebServer
from tests.webhooks.receiver import Receiver

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def receiver(web_server: WebServer, settings: Any) -> Receiver:
    """Takes whatever is sent to it."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    return Receiver(web_server)


@pytest.fixture
def webhook(api: ApiClient, receiver: Receiver) -> Make:
    """`webhook(*events)` makes one that the receiver takes messages of, as it is shown once."""

    def make(*events: str, **fields: Any) -> dict[str, Any]:
        answer = api.post("/webhooks", {"url": receiver.url, "events": list(events) or ["*"], **fields})
        assert answer.status_code == 201, answer.json()
        made: dict[str, Any] = answer.json()
        return made

    return make
