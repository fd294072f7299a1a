"""API keys over the API: made, listed, changed, revoked, and what each lets its owner do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.access import developers, keys, services
from agents.access.key_text import is_key, new_key
from agents.access.last_use import write_last_uses
from agents.access.models import ApiKey
from agents.models import Developer
from julep_project.core.process.remembered import forget_everything
from tests.access.test_tokens import REFUSED
from tests.api_client import API_KEY, ApiClient

Create = Callable[..., dict[str, Any]]


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def with_key(made: dict[str, Any]) -> ApiClient:
    return ApiClient(key=made["key"])


def test_a_key_is_shown_once_and_stored_as_a_digest(api: ApiClient, new_key: Create) -> None:
    response = api.post("/api_keys", {"label": "billing", "scopes": ["write", "read"], "expires_at": in_an_hour()})
    made = response.json()
    assert (response.status_code, response.headers["Cache-Control"]) == (201, "no-store")
    assert made["key"].startswith(made["prefix"]) and len(made["prefix"]) == 12 and len(made["key"]) == 53
    assert (made["label"], made["scopes"], made["last_used_at"], made["jobs"]) == (
        "billing",
        ["read", "write"],
        None,
        [],
    )
    shown = {name: value for name, value in made.items() if name not in ("key", "jobs")}
    assert api.get(f"/api_keys/{made['id']}").json() == shown
    assert api.get("/api_keys").json()["items"] == [shown]
    row = ApiKey.objects.values().get()
    assert made["key"] not in str(row) and made["key"][12:] not in str(row)


@pytest.mark.parametrize("many_tenants", [False, True])
@pytest.mark.parametrize("header", ["Authorization", "X-Auth-Key"])
def test_a_key_lets_in(api: ApiClient, new_key: Create, settings: Any, many_tenants: bool, header: str) -> None:
    settings.AGENTS_API_MULTI_TENANT_MODE = many_tenants
    made = new_key()
    client = ApiClient(key=None)
    for scheme in ("Bearer ", ""):
        assert client.get("/agents", headers={header: scheme + made["key"]}).status_code == 200
    assert client.get("/agents", headers={header: made["key"] + "," + made["key"]}).json() == REFUSED


def test_two_count_while_they_are_changed(api: ApiClient, new_key: Create) -> None:
    old, new = new_key(), new_key()
    assert [with_key(made).get("/agents").status_code for made in (old, new)] == [200, 200]
    revoked = api.delete(f"/api_keys/{old['id']}")
    assert (revoked.status_code, revoked.json()["id"], revoked.json()["jobs"]) == (202, old["id"], [])
    assert api.delete(f"/api_keys/{old['id']}").json() == revoked.json()
    forget_everything()
    assert [with_key(made).get("/agents").status_code for made in (old, new)] == [403, 200]
    assert with_key(old).get("/agents").json() == REFUSED
    shown = api.get(f"/api_keys/{old['id']}").json()
    assert shown["revoked_at"] == revoked.json()["deleted_at"]
    changed = api.patch(f"/api_keys/{old['id']}", {"label": "x"})
    assert (changed.status_code, changed.json()["error"]["message"]) == (409, "This API key is revoked")


def test_a_key_that_has_expired(api: ApiClient, new_key: Create) -> None:
    made = new_key(expires_at=in_an_hour())
    assert with_key(made).get("/agents").status_code == 200
    ApiKey.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    forget_everything()
    assert with_key(made).get("/agents").json() == REFUSED
    assert api.patch(f"/api_keys/{made['id']}", {"expires_at": in_an_hour()}).status_code == 200
    assert with_key(made).get("/agents").status_code == 200


def test_changes(api: ApiClient, new_key: Create) -> None:
    made = new_key()
    assert with_key(made).delete(f"/agents/{uuid4()}").status_code == 404
    changed = api.patch(f"/api_keys/{made['id']}", {"label": "other", "scopes": ["read"], "expires_at": None}).json()
    assert (changed["label"], changed["scopes"], changed["expires_at"]) == ("other", ["read"], None)
    assert changed["updated_at"] >= made["updated_at"]
    forget_everything()
    assert with_key(made).delete(f"/agents/{uuid4()}").status_code == 403


ANY = "018f0000-0000-7000-8000-000000000000"
NEEDS = [
    ("GET", "/agents", "read"),
    ("GET", f"/executions/{ANY}/transitions.stream", "read"),
    ("GET", "/models", "read"),
    ("POST", f"/agents/{ANY}/search", "read"),
    ("POST", f"/sessions/{ANY}/render", "read"),
    ("POST", "/agents", "write"),
    ("DELETE", f"/agents/{ANY}", "write"),
    ("POST", f"/sessions/{ANY}/chat", "write"),
    ("POST", "/responses", "write"),
    ("DELETE", "/responses/resp_1", "write"),
    ("POST", "/v1/chat/completions", "write"),
    ("POST", "/v1/messages", "write"),
    ("POST", "/v1/messages/count_tokens", "read"),
    ("POST", "/embed", "write"),
    ("GET", "/api_keys", "admin"),
    ("GET", f"/api_keys/{ANY}", "admin"),
    ("POST", "/api_keys", "admin"),
    ("PATCH", f"/api_keys/{ANY}", "admin"),
    ("DELETE", f"/api_keys/{ANY}", "admin"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_what_a_scope_is_for(
    api: ApiClient, new_key: Create, monkeypatch: pytest.MonkeyPatch, method: str, path: str, scope: str
) -> None:
    for remembered in (keys._remembered, developers._remembered):
        monkeypatch.setattr(remembered, "_for_s", 60.0)
    others = [name for name in ("read", "write", "admin") if name != scope]
    clients = [with_key(new_key(scopes=scopes)) for scopes in (others, [scope])]
    for client in clients:
        client.get("/agents")  # threads for queries of async views do not see what this test has not committed
    refused = clients[0].send(method, path, raw=b"{not json")
    told = f"This key has no scope {scope}; it has {', '.join(sorted(others))}"
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, told)
    assert clients[1].send(method, path, raw=b"{not json").status_code in (200, 400, 404, 422)


def test_no_key_gives_what_it_does_not_have(api: ApiClient, new_key: Create) -> None:
    manager = with_key(new_key(scopes=["admin", "read"]))
    refused = manager.post("/api_keys", {"label": "x", "scopes": ["read", "write"]})
    told = "A key cannot give what it does not have: write"
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, told)
    made = manager.post("/api_keys", {"label": "x"}).json()
    assert made["scopes"] == ["read", "admin"]
    refused = manager.patch(f"/api_keys/{made['id']}", {"scopes": ["write"]})
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, told)


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, "label", "missing"),
        ({"label": ""}, "label", "string_too_short"),
        ({"label": "x" * 256}, "label", "string_too_long"),
        ({"label": "x", "scopes": []}, "scopes", "too_short"),
        ({"label": "x", "scopes": ["root"]}, "scopes[0]", "enum"),
        ({"label": "x", "scopes": ["read"] * 9}, "scopes", "too_long"),
        ({"label": "x", "expires_at": "tomorrow"}, "expires_at", "datetime_parsing"),
        ({"label": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "value_error"),
    ],
)
def test_bodies_that_will_not_do(api: ApiClient, body: Any, loc: str, kind: str) -> None:
    response = api.post("/api_keys", body)
    assert response.status_code == 422
    assert [(detail["loc"], detail["type"]) for detail in response.json()["error"]["details"]] == [(loc, kind)]


def test_keys_of_others_do_not_exist(api: ApiClient, stranger: Developer, new_key: Create) -> None:
    theirs, _ = services.create_key(developer=stranger, values={"label": "theirs"})
    for method, body in (("GET", None), ("PATCH", {"label": "mine"}), ("DELETE", None)):
        answers = [api.send(method, f"/api_keys/{key_id}", body) for key_id in (theirs.pk, uuid4())]
        assert [(answer.status_code, answer.content) for answer in answers] == [(404, answers[0].content)] * 2
    assert api.get("/api_keys").json()["items"] == []


def test_a_key_of_a_developer_that_is_switched_off(stranger: Developer, api: ApiClient) -> None:
    _, text = services.create_key(developer=stranger, values={"label": "theirs"})
    client = ApiClient(key=text)
    assert client.get("/agents").status_code == 200
    Developer.objects.filter(pk=stranger.pk).update(active=False)
    forget_everything()
    assert client.get("/agents").json()["error"]["code"] == "invalid_user_account"
    stranger.delete()
    forget_everything()
    assert client.get("/agents").json() == REFUSED


def test_no_more_than_so_many(api: ApiClient, new_key: Create, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_KEYS", 1)
    made = new_key()
    response = api.post("/api_keys", {"label": "one too many"})
    assert (response.status_code, response.headers["x-should-retry"]) == (409, "false")
    api.delete(f"/api_keys/{made['id']}")
    new_key()


def test_what_has_not_the_form_of_a_key_is_not_looked_up(api: ApiClient, new_key: Create) -> None:
    text = new_key()["key"]
    wrong = [text[:-1] + ("a" if text[-1] != "a" else "b"), text[:-1], text.upper(), text + "x", "jlp_" + "0" * 49]
    with CaptureQueriesContext(connection) as captured:
        assert [ApiClient(key=key).get("/agents").json() for key in wrong] == [REFUSED] * len(wrong)
    assert [query for query in captured if "access_apikey" in query["sql"]] == []


def test_known_callers_cost_no_query(api: ApiClient, new_key: Create) -> None:
    client = with_key(new_key())
    forget_everything()
    with CaptureQueriesContext(connection) as first:
        client.get("/agents")
    with CaptureQueriesContext(connection) as second:
        client.get("/agents")
    asked = [
        [query["sql"] for query in queries if "apikey" in query["sql"] or "agents_developer" in query["sql"]]
        for queries in (first, second)
    ]
    assert (len(asked[0]), asked[1]) == (2, [])


def test_the_key_that_is_a_setting(api: ApiClient, settings: Any) -> None:
    settings.AGENTS_API_KEY = key = "a-key-of-the-operator-that-is-long-enough"
    shown = {"label": "AGENTS_API_KEY", "prefix": "a-ke", "scopes": ["read", "write", "admin"]}
    assert ApiClient(key=key).get("/api_keys").json() == {"items": [], "configured": [shown]}
    settings.AGENTS_API_KEY = API_KEY
    assert api.get("/api_keys").json()["configured"][0]["prefix"] == ""


def test_last_use_is_written_to_the_minute(api: ApiClient, new_key: Create) -> None:
    key = ApiKey.objects.get(pk=new_key()["id"])
    write_last_uses({key.pk})
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=50))
    write_last_uses({key.pk})
    key.refresh_from_db()
    assert key.last_used_at == first - timedelta(seconds=50)
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    write_last_uses({key.pk})
    key.refresh_from_db()
    assert key.last_used_at == first


def test_the_database_knows_the_scopes(developer: Developer) -> None:
    for scopes in ([], ["root"]):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.create(developer=developer, label="x", prefix="x", digest=b"x", scopes=scopes)


def test_keys_look_like_keys() -> None:
    texts = {new_key() for _ in range(50)}
    assert len(texts) == 50 and all(map(is_key, texts)) and {len(text) for text in texts} == {53}
