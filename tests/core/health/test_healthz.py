"""`/livez`, `/readyz` and `/healthz`, and what is answered while the database is not there for requests."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import ProgrammingError, connection

from julep_project.core.health import health
from tests.api_client import API_KEY, ApiClient

_FINE = dict.fromkeys(health.COMPONENTS, True)


@pytest.fixture
def found() -> Iterator[Callable[..., None]]:
    """Sets what is found when the components are looked at."""
    states = dict(_FINE)

    def set_states(**changed: bool) -> None:
        states.update(changed)
        health.ALL_PARTS.forget()
        health.NEEDED_PARTS.forget()

    with patch.dict(health._CHECKS, {name: lambda name=name: "" if states[name] else "is away" for name in states}):
        set_states()
        yield set_states
        set_states()


@pytest.fixture
def stranger() -> ApiClient:
    """A client without a key."""
    return ApiClient(key=None)


@pytest.mark.parametrize(
    ("wrong", "healthz", "readyz"),
    [(None, 200, 200), ("workers", 200, 200), ("redis", 200, 200), ("database", 503, 503), ("migrations", 503, 503)],
)
def test_only_what_requests_need_drops_the_api(
    stranger: ApiClient, found: Callable[..., None], wrong: str | None, healthz: int, readyz: int
) -> None:
    found(**({wrong: False} if wrong else {}))
    states = {name: "error" if name == wrong else "ok" for name in health.COMPONENTS}
    response = stranger.get("/healthz")
    assert (response.status_code, response.json()) == (healthz, {"status": "error" if wrong else "ok", **states})
    response = stranger.get("/api/readyz")
    needed = {name: states[name] for name in health.NEEDED}
    assert (response.status_code, response.json()) == (readyz, {"status": "ok" if readyz == 200 else "error", **needed})
    assert ("Retry-After" in response.headers) == (readyz == 503)


def test_livez_looks_at_nothing(stranger: ApiClient, found: Callable[..., None]) -> None:
    found(**dict.fromkeys(health.COMPONENTS, False))
    for path in ("/livez", "/api/livez/"):
        response = stranger.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_health_is_only_read(stranger: ApiClient, path: str) -> None:
    response = stranger.post(path)
    assert (response.status_code, response.json()["error"]["code"]) == (405, "http_405")


@pytest.fixture
def unreachable(transactional_db: None, settings: Any) -> Iterator[None]:
    """No connection can be had, and nothing was ever read."""
    settings.AGENTS_API_KEY = API_KEY
    connection.close()
    refused = psycopg.OperationalError("connection refused")
    with patch("django.db.backends.postgresql.base.DatabaseWrapper.get_new_connection", side_effect=refused):
        yield


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/agents", None),
        ("POST", "/agents", {"name": "A"}),
        ("POST", "/agents/018f0000-0000-7000-8000-000000000000/search", {"text": "a"}),
        ("GET", "/executions/018f0000-0000-7000-8000-000000000000/transitions.stream", None),
        ("POST", "/sessions/018f0000-0000-7000-8000-000000000000/chat", {"message": "Hello"}),
        ("POST", "/responses", {"model": "offline/echo", "input": "Hello"}),
        ("POST", "/v1/chat/completions", {"model": "offline/echo", "messages": [{"role": "user", "content": "a"}]}),
        ("POST", "/embed", {"embed": {"text": "a"}}),
    ],
)
def test_without_a_database_every_kind_of_view_says_when_to_try_again(
    unreachable: None, method: str, path: str, body: Any
) -> None:
    response = ApiClient().send(method, path, body)
    assert response.status_code == 503, response.content
    assert response.json()["error"]["code"] == "http_503"
    assert response.headers["Retry-After"] == "2"


def test_a_missing_table_is_a_bug_once_the_migrations_are_applied(api: ApiClient) -> None:
    broken = patch("agents.api.views.AgentViewSet.page", side_effect=ProgrammingError("relation does not exist"))
    with broken:
        assert api.get("/agents").status_code == 500
    with broken, patch.object(health, "_missing_migrations", return_value=1):
        response = api.get("/agents")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json()["error"]["message"] == "The database is being prepared; try again"
    assert connection.is_usable()
