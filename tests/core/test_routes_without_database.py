"""Every route of a running API while the database is away: none answers with an internal error."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from julep_project.core.ids import uuid7
from tests.api_client import API_KEY
from tests.backend import Backend
from tests.outages import database_away

NAME, PASSWORD = "operator", "a long pass phrase"
# What needs no database: metrics are told without what Postgres would say, and the last route of all says 404 before it
# looks at anything.
# The list of models is a setting, and who asks for it is known from the request before.
MODELS = {"/models", "/agents/models"}
WITHOUT = {"/livez", "/metrics", "/openapi.json", "/docs", "/swagger", "/admin/jsi18n/", "/nowhere", *MODELS}
ITSELF = {"/healthz", "/readyz"}
# As most APIs say it, and as Anthropic's does.
AWAY = (503, 529)


@pytest.fixture
def browser(unpooled: None, backend: Backend) -> Iterator[httpx.Client]:
    """Somebody who has logged in to the staff pages, and could use the API."""
    User.objects.create_superuser(NAME, password=PASSWORD)
    with httpx.Client(base_url=backend.url, trust_env=False, timeout=60) as client:
        client.get("/agents/models", headers={"Authorization": f"Bearer {API_KEY}"})
        client.get("/admin/login/")
        answer = log_in(client)
        assert (answer.status_code, answer.headers.get("location")) == (302, "/admin/")
        yield client


def log_in(client: httpx.Client) -> httpx.Response:
    form = {"username": NAME, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    return client.post("/admin/login/?next=/admin/", data=form)


def paths(patterns: list[Any] | None = None, prefix: str = "/") -> Iterator[str]:
    """One path of every route."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + _path_of(pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        else:
            yield path or "/"


def _path_of(pattern: URLPattern | URLResolver) -> str:
    text = str(pattern.pattern)
    if isinstance(pattern.pattern, RegexPattern):
        if not text:
            return "nowhere"
        text = re.sub(r"\(\?:.*?\)\?|\(\?:\^?|[$^]", "", re.sub(r"\(\?P<[^>]*>[^)]*\)", str(uuid7()), text))
        return text.partition("|")[0].rstrip(")")
    return re.sub(r"<[^>]*>", str(uuid7()), text)


def test_the_list_of_routes_is_whole() -> None:
    found = set(paths())
    assert {"/agents", "/sessions", "/models", "/admin/", "/admin/login/", "/healthz", "/nowhere"} <= found
    assert len(found) > 60
    assert not [path for path in found if re.search(r"[<>(?^$|]", path)]


def test_every_route_says_that_the_database_is_away(browser: httpx.Client) -> None:
    with database_away(keep=connection.connection.info.backend_pid):
        for path in sorted(set(paths()) - ITSELF):
            is_page = path.startswith("/admin/")
            for method in ("GET", "POST"):
                headers = {} if is_page else {"Authorization": f"Bearer {API_KEY}"}
                assert_told(browser.request(method, path, headers=headers), is_page)
        assert_told(log_in(browser), is_page=True, must=503)
        for path in ("/admin/", "/admin/agents/agent/", "/admin/auth/user/?q=a"):
            assert_told(browser.get(path), is_page=True, must=503)
    assert browser.get("/admin/").status_code == 200


def assert_told(answer: httpx.Response, is_page: bool, must: int = 0) -> None:
    said = (str(answer.request.url), answer.request.method, answer.status_code, answer.text[:200])
    assert answer.status_code < 500 or answer.status_code in AWAY, said
    assert must in (0, answer.status_code), said
    if answer.status_code < 300:
        assert answer.request.url.path in WITHOUT, said
    if answer.status_code not in AWAY:
        return
    assert int(answer.headers["retry-after"]) > 0, said
    if is_page:
        assert answer.headers["content-type"].startswith("text/html"), said
        assert "The database is not reachable; try again" in answer.text, said
    else:
        assert answer.json()["error"]["message"] == "The database is not reachable; try again", said
