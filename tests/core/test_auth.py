"""Who gets in."""

from typing import Any

import pytest
from django.test import RequestFactory

from agents.access.developers import SINGLE_TENANT_ID
from julep_project.core.actor import Actor, ActorKind
from julep_project.core.api.auth import EVERY_SCOPE, authenticate
from julep_project.core.errors import NotAuthenticated
from tests.api_client import API_KEY, ApiClient

REFUSAL = {"error": {"message": "Could not validate API KEY", "code": "http_403", "type": "http_error"}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {API_KEY}"},
        {"Authorization": f"bearer   {API_KEY}"},
        {"Authorization": API_KEY},
        {"X-Auth-Key": API_KEY},
        {"X-Auth-Key": f"Bearer {API_KEY}"},
        {"X-Auth-Key": API_KEY, "Authorization": "Bearer something-else"},
    ],
)
def test_every_way_to_send_the_key(api: ApiClient, headers: dict[str, str]) -> None:
    assert ApiClient(key=None).get("/agents", headers=headers).status_code == 200


def test_a_header_name_of_ones_own(api: ApiClient, settings: Any) -> None:
    settings.AGENTS_API_KEY_HEADER_NAME = "X-My-Key"
    assert ApiClient(key=None).get("/agents", headers={"X-My-Key": API_KEY}).status_code == 200
    assert api.get("/agents").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {API_KEY}x"},
        {"Authorization": f"Basic {API_KEY}"},
        {"X-Auth-Key": "\u00e9\u4e2d"},
    ],
)
def test_wrong_keys(api: ApiClient, headers: dict[str, str]) -> None:
    response = ApiClient(key=None).get("/agents", headers=headers)
    assert (response.status_code, response.json()) == (403, REFUSAL)


@pytest.mark.parametrize(
    ("method", "path", "raw"),
    [("POST", "/agents", b"{not json"), ("GET", "/agents/not-a-uuid", b""), ("POST", "/agents", b"x" * 2000)],
)
def test_decided_before_anything_else(api: ApiClient, settings: Any, method: str, path: str, raw: bytes) -> None:
    settings.MAX_BODY_BYTES = 1024
    response = ApiClient(key="wrong").send(method, path, raw=raw)
    assert (response.status_code, response.json()) == (403, REFUSAL)


def test_no_configured_key_lets_nobody_in(api: ApiClient, settings: Any) -> None:
    settings.AGENTS_API_KEY = ""
    for key in (None, "", API_KEY):
        assert ApiClient(key=key).get("/agents").status_code == 403


def test_authenticate_without_a_view(api: ApiClient) -> None:
    request = RequestFactory(headers={"Authorization": f"Bearer {API_KEY}"}).get("/", REMOTE_ADDR="192.0.2.7")
    principal = authenticate(request)
    assert (principal.developer.pk, principal.key_id, principal.scopes) == (SINGLE_TENANT_ID, None, EVERY_SCOPE)
    assert principal.actor == Actor(ActorKind.INTERNAL, address="192.0.2.7")
    with pytest.raises(NotAuthenticated):
        authenticate(RequestFactory().get("/"))


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/swagger", "/api/openapi.json", "/api/docs"])
def test_public_routes(api: ApiClient, path: str) -> None:
    assert ApiClient(key=None).get(path).status_code == 200
