"""The same rules when a request is served by an event loop."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from tests.api_client import API_KEY


def _get(path: str, **headers: str) -> Any:
    return async_to_sync(AsyncClient(raise_request_exception=False).get)(path, headers=headers)


@pytest.mark.parametrize("path", ["/api/nothing", "/nothing/"])
def test_unknown_route(path: str) -> None:
    response = _get(path, Origin="https://a.example")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"


def test_public_page() -> None:
    assert _get("/api/openapi.json").status_code == 200


@pytest.mark.django_db
def test_resource(settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY
    assert _get("/api/agents/", Authorization=f"Bearer {API_KEY}").json() == {"items": []}
    assert _get("/agents").status_code == 403


def test_streams_are_served_under_names_of_this_server_only(settings: Any) -> None:
    # As `StreamHandler` serves them: without the middleware of Django that looks at names.
    settings.MIDDLEWARE = ["julep_project.core.api.middleware.ApiMiddleware"]
    assert async_to_sync(AsyncClient().post)("/mcp").status_code == 401
    settings.ALLOWED_HOSTS = ["agents.example"]
    refused = async_to_sync(AsyncClient().post)("/mcp")
    assert (refused.status_code, "testserver" in refused.json()["error"]["message"]) == (400, True)
