"""Prefixes, slashes, origins, errors, bodies: what holds for every route."""

import io
from typing import Any, cast
from unittest.mock import patch

import orjson
import psycopg
import pytest
from django.db import OperationalError
from django.test import RequestFactory

from agents.api.views import AgentViewSet
from agents.models import Agent
from julep_project.core.reading.parsers import chunked_stream
from tests.api_client import ApiClient


@pytest.mark.parametrize("path", ["/agents", "/api/agents", "/agents/", "/api/agents/", "/api/agents//"])
def test_prefix_and_trailing_slash(api: ApiClient, path: str) -> None:
    assert api.get(path).json() == {"items": []}


@pytest.mark.parametrize(
    "path", ["/", "/api", "/nothing", "/api/nothing", "/agents/a/b/c/d", "/apiagents", "/api/api/agents"]
)
def test_unknown_routes(api: ApiClient, path: str) -> None:
    for client in (api, ApiClient(key=None)):
        response = client.get(path)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/v1/completions", "this server has no GET /v1/completions. `/docs` shows what it has"),
        ("/v1/v1/models", "`/v1` is there twice. Leave it out of the client's base URL, for the client adds it"),
    ],
)
def test_programs_for_other_servers_are_told_what_is_not_here(api: ApiClient, path: str, hint: str) -> None:
    assert api.get(path).json()["error"]["message"] == f"Not Found: {hint}"
    assert len(api.get(f"/v1/{'a' * 2000}").json()["error"]["message"]) < 400


def test_method_not_allowed(api: ApiClient) -> None:
    response = api.patch("/agents", {})
    assert response.status_code == 405
    assert response.json()["error"] == {
        "message": 'Method "PATCH" not allowed.',
        "code": "http_405",
        "type": "http_error",
    }
    assert api.post("/docs").status_code == 405
    assert api.post("/docs").json()["error"]["code"] == "http_405"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "*/*", "text/html", "nonsense"])
def test_any_accept_header_gets_json(api: ApiClient, accept: str) -> None:
    response = api.get("/agents", headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


def test_preflight(api: ApiClient) -> None:
    response = ApiClient(key=None).send(
        "OPTIONS",
        "/api/agents",
        headers={
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Max-Age"] == "3600"


def test_answers_and_errors_carry_the_origin(api: ApiClient) -> None:
    for client, status in ((api, 200), (ApiClient(key=None), 403)):
        response = client.get("/agents", headers={"Origin": "https://a.example"})
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (status, "https://a.example")
        assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in api.get("/agents").headers


def test_admin_pages_are_not_open_to_other_origins(api: ApiClient) -> None:
    response = api.get("/admin/login/", headers={"Origin": "https://a.example"})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


def test_request_id_is_kept_or_made(api: ApiClient) -> None:
    assert api.get("/agents", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert len(api.get("/agents", headers={"X-Request-Id": "bad id\t"}).headers["X-Request-Id"]) == 36


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'a': 1}",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": 12345678901234567890123, "x": NaN}',
        b'{"name": 12345678901234567890123, "x": "\\ud800"}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"name": 12345678901234567890123, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_bodies_that_are_not_json(api: ApiClient, raw: bytes) -> None:
    response = api.send("POST", "/agents", raw=raw)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (422, "validation_error", "validation_error")
    (entry,) = error["details"]
    assert (entry["loc"], entry["type"]) == ("", "json_invalid")
    assert entry["fix"] and entry["msg"].startswith("Invalid JSON")
    assert not Agent.objects.exists()


def test_whole_numbers_keep_their_digits(api: ApiClient) -> None:
    number = 123456789012345678901234567890
    created = api.post("/agents", {"name": "n", "metadata": {"big": number}})
    assert f'"big":{number}'.encode() in created.content.replace(b" ", b"")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_any_content_type_is_read_as_json(api: ApiClient, content_type: str) -> None:
    response = api.send("POST", "/agents", raw=b'{"name": "n"}', content_type=content_type)
    assert (response.status_code, response.json().get("name")) == (201, "n")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_content_type_without_a_body(api: ApiClient, agent: dict[str, Any], method: str) -> None:
    assert api.send(method, f"/agents/{agent['id']}").status_code in (200, 202)


def test_an_empty_body_is_an_empty_object(api: ApiClient) -> None:
    details = api.send("POST", "/agents", raw=b"").json()["error"]["details"]
    assert [(entry["loc"], entry["type"], entry["received"]) for entry in details] == [("name", "missing", "(missing)")]


def test_body_over_the_limit(api: ApiClient, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1024
    response = api.post("/agents", {"name": "n", "about": "x" * 1024})
    assert response.status_code == 413
    assert response.json() == {
        "error": {
            "message": "Request body is larger than the limit of 1024 bytes",
            "code": "http_413",
            "type": "http_error",
        }
    }
    assert not Agent.objects.exists()


def _chunked(api: ApiClient, raw: bytes) -> Any:
    return api.send(
        "POST",
        "/agents",
        CONTENT_LENGTH="",
        HTTP_TRANSFER_ENCODING="chunked",
        **cast(Any, {"wsgi.input": io.BytesIO(raw), "wsgi.input_terminated": True}),
    )


def test_chunked_body(api: ApiClient) -> None:
    assert _chunked(api, b'{"name": "n"}').status_code == 201


def test_chunked_body_over_the_limit(api: ApiClient, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1024
    assert _chunked(api, b" " * 5000).status_code == 413


def test_a_server_that_does_not_end_chunked_input_is_not_read_from() -> None:
    request = RequestFactory().post("/agents", HTTP_TRANSFER_ENCODING="chunked")
    assert chunked_stream(request) is None


def test_a_bug_is_a_500_that_is_not_repeated(api: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    with patch.object(AgentViewSet, "page", side_effect=KeyError("secret detail")):
        response = api.get("/agents")
    assert response.status_code == 500
    assert response.headers["x-should-retry"] == "false"
    assert response.json() == {"error": {"message": "Internal server error", "code": "http_500", "type": "http_error"}}
    assert "request failed unexpectedly" in caplog.text and "secret detail" in caplog.text


def test_a_bug_outside_the_views(api: ApiClient) -> None:
    with patch("julep_project.core.api.public_views.render", side_effect=RuntimeError("boom")):
        response = ApiClient(key=None).get("/docs")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "http_500")


def test_a_database_that_is_away(api: ApiClient) -> None:
    error = OperationalError("gone")
    error.__cause__ = psycopg.OperationalError("gone")
    with patch.object(AgentViewSet, "page", side_effect=error):
        response = api.get("/agents")
    assert response.status_code == 503
    assert "x-should-retry" not in response.headers


def test_openapi_document(api: ApiClient) -> None:
    document = orjson.loads(api.get("/openapi.json").content)
    assert {"get", "post", "put", "patch", "delete"} <= set(document["paths"]["/agents/{id}"])
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    operations = [one for verbs in document["paths"].values() for one in verbs.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["summary"] and {"400", "403", "422", "500", "503"} <= set(one["responses"]) for one in operations)
    # In the order in which they are told of.
    assert {tag for one in operations for tag in one["tags"]} == {tag["name"] for tag in document["tags"]}


def test_docs_page_loads_nothing_from_elsewhere(api: ApiClient) -> None:
    page = api.get("/docs").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "//" not in page.replace("<!doctype", "")
