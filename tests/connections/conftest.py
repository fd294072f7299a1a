"""A service to sign in at, one for all tests of a module, and people with browsers."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from julep_project.devservices.loopback import RecordedRequest
from tests.flow_runner import FlowRunner
from tests.loopback.authorization_server import CLIENT, SECRET, AuthorizationServer
from tests.loopback.mcp_server import McpServer

Json = dict[str, Any]
HERE = "http://agents.test"


@pytest.fixture
def service() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as server:
        yield server


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.PUBLIC_URL = HERE
    settings.ALLOWED_HOSTS = ["*"]
    settings.LINK_REQUESTS_PER_MINUTE = 0


class Person:
    """Somebody with a browser of their own, and no account."""

    def __init__(self, service: AuthorizationServer, capture: Any) -> None:
        self.service, self._capture = service, capture
        self.browser = Client()

    def open(self, url: str) -> Any:
        """Look at the page behind a link, and go on from there; where to."""
        path = url.removeprefix(HERE)
        assert self.browser.get(path).status_code == 200
        return self.browser.post(path)

    def sign_in(self, url: str, **how: Any) -> Any:
        """Sign in by a link, and come back; the last page."""
        return self.come_back(self.open(url)["location"], **how)

    def come_back(self, url: str, **how: Any) -> Any:
        """Sign in where one was sent to, and come back."""
        to = urlsplit(self.service_query(url)["redirect_uri"]).path
        with self._capture(execute=True):
            return self.browser.get(to, self.service.sign_in(url, **how))

    def service_query(self, url: str) -> dict[str, str]:
        return RecordedRequest("GET", url, {}, b"").query


@pytest.fixture
def person(service: AuthorizationServer, django_capture_on_commit_callbacks: Any) -> Person:
    return Person(service, django_capture_on_commit_callbacks)


@pytest.fixture
def provider(flow: FlowRunner, service: AuthorizationServer) -> Json:
    """The service, as a developer tells of it."""
    secret = flow.api.post("/secrets", {"name": "CLIENT_SECRET", "value": SECRET})
    assert secret.status_code == 201, secret.json()
    body = {
        "name": "github",
        "authorize_url": f"{service.url}/authorize?theme=dark",
        "token_url": f"{service.url}/token",
        "revoke_url": f"{service.url}/revoke",
        "client_id": CLIENT,
        "client_secret": "CLIENT_SECRET",
        "scopes": ["repo"],
    }
    made = flow.api.post("/connections/providers", body)
    assert made.status_code == 201, made.json()
    found: Json = made.json()
    return found


@pytest.fixture
def user(flow: FlowRunner) -> str:
    return str(flow.api.post("/users", {"name": "Ann"}).json()["id"])


def protect(server: McpServer, by: AuthorizationServer) -> None:
    """Have the server let in only whom this one has signed in."""
    server.admits, by.said_issuer = by.takes, by.url
    server.protection = {"resource": server.http, "authorization_servers": [by.url]}


@pytest.fixture(scope="module")
def running() -> Iterator[McpServer]:
    with McpServer() as server:
        yield server


@pytest.fixture
def harbour(running: McpServer, service: AuthorizationServer) -> Iterator[McpServer]:
    """A server that only lets in whom the service has signed in."""
    protect(running, service)
    yield running
    running.admits = None
