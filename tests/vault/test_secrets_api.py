"""Secrets over HTTP."""

import json
import logging
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, Developer, Project
from agents.vault.api.serializers import LONGEST_VALUE
from agents.vault.models import Secret
from agents.vault.values import values_of
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"
VALUE = "sk-tide-4711-flood"


@pytest.fixture(params=["/secrets", "/agents/{agent}/secrets"], ids=["developer", "agent"])
def path(request: Any, agent: dict[str, Any], master_key: str) -> str:
    """Where the secrets of a developer are, and those of an agent."""
    return str(request.param).format(agent=agent["id"])


def values(developer: Developer, path: str, *names: str) -> dict[str, str]:
    """What calls for the owner of the path get."""
    agent = Agent.objects.get() if "agents" in path else None
    return values_of(developer, names, agent and agent.pk)


def test_create(api: ApiClient, path: str, developer: Developer) -> None:
    body = {"name": "API_KEY", "value": VALUE, "description": "Tides", "metadata": {"a": 1}, "developer_id": MISSING}
    made = api.post(path, body)
    assert made.status_code == 201
    secret = made.json()
    assert (secret["name"], secret["value"]) == ("API_KEY", "ENCRYPTED")
    assert (secret["description"], secret["metadata"], secret["jobs"]) == ("Tides", {"a": 1}, [])
    assert secret["created_at"] == secret["updated_at"]
    assert values(developer, path, "API_KEY") == {"API_KEY": VALUE}
    (row,) = Secret.objects.all()
    assert row.developer == developer and VALUE not in row.sealed


def test_list_is_a_bare_array_newest_first(api: ApiClient, path: str) -> None:
    made = [api.post(path, {"name": f"K{number}", "value": VALUE}).json() for number in range(3)]
    newest = [{**secret} for secret in reversed(made)]
    for secret in newest:
        del secret["jobs"]
    assert api.get(path).json() == newest
    assert api.get(path, {"limit": 1, "offset": 1}).json() == newest[1:2]
    assert api.get(path, {"offset": 3}).json() == []
    assert api.get(path, {"sort_by": "name", "direction": "up", "metadata_filter": "{}"}).json() == newest
    assert (api.get(path, {"limit": 1000}).status_code, api.get(path, {"limit": 0}).status_code) == (200, 400)


def test_lists_of_owners_are_apart(api: ApiClient, agent: dict[str, Any], master_key: str) -> None:
    own, theirs = f"/agents/{agent['id']}/secrets", "/secrets"
    for path in (own, theirs):
        assert api.post(path, {"name": "KEY", "value": VALUE}).status_code == 201
    (mine,), (its,) = api.get(theirs).json(), api.get(own).json()
    assert mine["id"] != its["id"]
    assert api.delete(f"{own}/{mine['id']}").status_code == 404
    assert api.delete(f"{theirs}/{its['id']}").status_code == 404


@pytest.mark.parametrize("name", ["KEY", "key"])
def test_a_name_that_is_taken(api: ApiClient, path: str, developer: Developer, name: str) -> None:
    """Told at once: the clients repeat a conflict five times unless they are told not to."""
    first = api.post(path, {"name": "KEY", "value": VALUE}).json()
    again = api.post(path, {"name": name, "value": "other"})
    assert (again.status_code, again.headers["x-should-retry"]) == (409, "false")
    assert "A secret with this name already exists" in again.json()["error"]["message"]
    assert "during create" in again.json()["error"]["message"]
    other = api.post(path, {"name": "OTHER", "value": VALUE}).json()
    assert api.put(f"{path}/{other['id']}", {"name": name, "value": "other"}).status_code == 409
    assert api.put(f"{path}/{first['id']}", {"name": name, "value": "other"}).status_code == 200
    assert values(developer, path, "KEY", "OTHER") == {"KEY": "other", "OTHER": VALUE}


def test_put(api: ApiClient, path: str, developer: Developer) -> None:
    secret = api.post(path, {"name": "KEY", "value": VALUE, "description": "d", "metadata": {"a": 1}}).json()
    member = f"{path}/{secret['id']}"
    put = api.put(member, {"name": "NEW", "value": "new", "metadata": None})
    assert put.status_code == 200
    changed = put.json()
    assert (changed["id"], changed["name"], changed["value"]) == (secret["id"], "NEW", "ENCRYPTED")
    assert (changed["description"], changed["metadata"]) == ("", {})
    assert changed["updated_at"] >= changed["created_at"] == secret["created_at"]
    assert values(developer, path, "KEY", "NEW") == {"NEW": "new"}
    for lacking in ({"name": "NEW"}, {"value": "v"}, {"name": "NEW", "value": None}, {"name": None, "value": "v"}):
        assert api.put(member, lacking).status_code == 422
    assert values(developer, path, "NEW") == {"NEW": "new"}


def test_delete(api: ApiClient, path: str, developer: Developer) -> None:
    secret = api.post(path, {"name": "KEY", "value": VALUE}).json()
    gone = api.delete(f"{path}/{secret['id']}")
    assert (gone.status_code, sorted(gone.json())) == (202, ["deleted_at", "id", "jobs"])
    assert api.delete(f"{path}/{secret['id']}").json()["error"]["message"] == "Secret not found"
    assert (api.get(path).json(), values(developer, path, "KEY")) == ([], {})


def test_missing_and_foreign_secrets_look_alike(api: ApiClient, path: str, stranger: Developer) -> None:
    mine = {"name": "KEY", "value": VALUE}
    project = Project.objects.create(developer=stranger, name="x", canonical_name="x")
    agent = Agent.objects.create(developer=stranger, project=project, name="x", canonical_name="x")
    owner = {} if path == "/secrets" else {"agent": agent}
    foreign = Secret.objects.create(developer=stranger, name="KEY", sealed="", sealed_with="", **owner)
    for secret_id in (MISSING, foreign.pk):
        for answer in (api.put(f"{path}/{secret_id}", mine), api.delete(f"{path}/{secret_id}")):
            assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Secret not found")
    assert api.put(f"{path}/nope", mine).status_code == 422
    foreign.refresh_from_db()
    assert foreign.sealed == ""
    assert api.post(path, mine).status_code == 201


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_agents_of_others_have_none(api: ApiClient, master_key: str, stranger: Developer, method: str) -> None:
    project = Project.objects.create(developer=stranger, name="x", canonical_name="x")
    foreign = Agent.objects.create(developer=stranger, project=project, name="x", canonical_name="x")
    for agent_id in (MISSING, foreign.pk):
        member = f"/{MISSING}" if method in ("PUT", "DELETE") else ""
        answer = api.send(method, f"/agents/{agent_id}/secrets{member}", {"name": "KEY", "value": VALUE})
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Agent not found")
    assert Secret.objects.count() == 0


def test_secrets_go_with_their_agent(api: ApiClient, agent: dict[str, Any], master_key: str) -> None:
    api.post(f"/agents/{agent['id']}/secrets", {"name": "KEY", "value": VALUE})
    api.post("/secrets", {"name": "KEY", "value": VALUE})
    assert api.delete(f"/agents/{agent['id']}").status_code == 202
    assert [secret.agent_id for secret in Secret.objects.all()] == [None]


def test_values_are_kept_to_the_character(api: ApiClient, path: str, developer: Developer) -> None:
    value = ' "line"\r\n\ttwo é \U0001f30a \u2028 '
    assert api.post(path, {"name": "KEY", "value": value}).status_code == 201
    api.post(path, {"name": "LONGEST", "value": "é" * LONGEST_VALUE})
    api.send("POST", path, raw=b'{"name": "NUL", "value": "a\\u0000b"}', content_type="application/json")
    found = values(developer, path, "KEY", "LONGEST", "NUL")
    assert found == {"KEY": value, "LONGEST": "é" * LONGEST_VALUE, "NUL": "ab"}


BAD = {
    "too long": {"name": "KEY", "value": VALUE * 60_000},
    "empty": {"name": "KEY", "value": ""},
    "only NUL": {"name": "KEY", "value": "\x00"},
    "a number": {"name": "KEY", "value": 47_114_711},
    "an object": {"name": "KEY", "value": {"key": VALUE}},
    "a list": {"name": "KEY", "value": [VALUE]},
    "null": {"name": "KEY", "value": None},
    "swapped": {"name": VALUE, "value": "KEY"},
    "two names": {"name": [VALUE], "value": "KEY"},
    "metadata": {"name": "KEY", "value": "v", "metadata": VALUE},
    "description": {"name": "KEY", "value": "v", "description": [VALUE]},
    "no name": {"value": VALUE},
    "not an object": [VALUE],
    "text": VALUE,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_refused_is_not_repeated(
    api: ApiClient, path: str, body: Any, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.DEBUG = True
    caplog.set_level(logging.DEBUG)
    answer = api.post(path, body)
    assert answer.status_code == 422
    told = answer.content.decode() + caplog.text
    assert "tide" not in told and "4711" not in told
    assert Secret.objects.count() == 0


@pytest.mark.parametrize("end", [",", '\\ud800"}', '"}}', '": NaN}'])
def test_a_body_that_is_no_json_is_not_repeated(api: ApiClient, path: str, end: str) -> None:
    raw = f'{{"name": "KEY", "value": "{VALUE}{end}'.encode()
    answer = api.send("POST", path, raw=raw, content_type="application/json")
    assert answer.status_code == 422 and "tide" not in answer.content.decode()


def test_the_bounds_are_told(api: ApiClient, path: str) -> None:
    (long,) = api.post(path, BAD["too long"]).json()["error"]["details"]
    assert (long["loc"], long["type"], long["received"]) == ("value", "string_too_long", "(not shown)")
    assert long["fix"] == f"Shorten the text to at most {LONGEST_VALUE} characters"
    (missing,) = api.post(path, {"name": "KEY"}).json()["error"]["details"]
    assert (missing["loc"], missing["received"]) == ("value", "(missing)")
    for name in ("1KEY", "K-EY", "", "x" * 256, "É", "KEY\n"):
        assert api.post(path, {"name": name, "value": "v"}).json()["error"]["details"][0]["loc"] == "name"


def test_without_a_master_key_nothing_is_stored(api: ApiClient, settings: Any) -> None:
    for text, told in (("", "set SECRETS_MASTER_KEY"), ("short", "key 1 of 1")):
        settings.SECRETS_MASTER_KEY = text
        answer = api.post("/secrets", {"name": "KEY", "value": VALUE})
        assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")
        error = answer.json()["error"]
        assert error["code"] == "secrets_not_configured" and told in error["message"]
    assert api.get("/secrets").json() == []


def test_strangers_and_the_other_verbs(api: ApiClient, path: str) -> None:
    assert ApiClient(key=None).post(path, {"value": VALUE}).status_code == 403
    assert ApiClient(key=None).get(path).status_code == 403
    secret = api.post(path, {"name": "KEY", "value": VALUE}).json()
    for method in ("GET", "PATCH", "POST"):
        assert api.send(method, f"{path}/{secret['id']}", {"name": "KEY"}).status_code == 405


def test_staff_pages_show_no_value(api: ApiClient, path: str, admin_client: Client) -> None:
    api.post(path, {"name": "KEY", "value": VALUE, "metadata": {"note": "tide"}})
    row = Secret.objects.get()
    pages = [admin_client.get(f"/admin/vault/secret/{place}") for place in ("", f"{row.pk}/change/")]
    for page in pages:
        told = page.content.decode()
        assert page.status_code == 200 and row.sealed_with in told
        assert VALUE not in told and row.sealed not in told and "tide" not in told
    guess = admin_client.get("/admin/vault/secret/", {"sealed__startswith": row.sealed[:20]})
    assert guess.status_code == 400 or row.name not in guess.content.decode()
    assert admin_client.post(f"/admin/vault/secret/{row.pk}/change/", {"name": "x"}).status_code == 403


def test_the_description_of_the_api(api: ApiClient) -> None:
    document = json.loads(api.get("/openapi.json").content)
    for path in ("/secrets", "/agents/{agent_id}/secrets"):
        listing = document["paths"][path]["get"]
        told = [each for each in listing["parameters"] if each.get("in") == "query"]
        assert {each["name"] for each in told if "deprecated" not in each} == {"limit", "offset"}
        assert listing["responses"]["200"]["content"]["application/json"]["schema"]["type"] == "array"
        assert sorted(document["paths"][f"{path}/{{secret_id}}"]) == ["delete", "put"]
