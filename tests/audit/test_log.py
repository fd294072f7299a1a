"""What the audit log says, how it is searched, and that nobody changes it."""

import asyncio
import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import AsyncClient

from agents.audit.models import AuditRecord
from agents.audit.settings_shown import LONGEST_VALUE
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.services import AgentServices
from tests.api_client import API_KEY, ApiClient
from tests.flow_runner import FlowRunner

Json = dict[str, Any]
KEY = "sk-very-secret-4711"


def log(api: ApiClient, **query: Any) -> list[Json]:
    """The log as the API shows it."""
    answer = api.get("/audit", query)
    assert answer.status_code == 200, answer.json()
    items: list[Json] = answer.json()["items"]
    return items


def test_an_act_tells_who_what_and_from_where(api: ApiClient) -> None:
    headers = {"X-Request-Id": "request-1"}
    agent = api.post("/agents", {"name": "Ada", "metadata": {"a": 1}}, headers=headers, REMOTE_ADDR="192.0.2.7").json()
    api.patch(f"/agents/{agent['id']}", {"about": "tides", "name": "Ada"}, headers=headers)
    changed, made = log(api)
    assert (made["verb"], made["object"]) == ("create", {"kind": "agent", "id": agent["id"], "name": "Ada"})
    assert (made["actor"]["kind"], made["actor"]["address"]) == ("internal", "192.0.2.7")
    assert (made["request_id"], made["created_at"]) == ("request-1", agent["created_at"])
    assert (made["before"], made["after"]["metadata"]) == (None, {"a": 1})
    assert (changed["verb"], changed["before"], changed["after"]) == ("update", {"about": ""}, {"about": "tides"})
    assert api.get(f"/audit/{made['id']}").json() == made


def test_a_row_that_is_gone_is_known_as_it_was(api: ApiClient) -> None:
    user = api.post("/users", {"name": "Bo", "about": "likes tea"}).json()
    api.delete(f"/users/{user['id']}")
    removed = log(api, verb="delete")[0]
    assert (removed["before"]["about"], removed["after"], removed["object"]["id"]) == ("likes tea", None, user["id"])


def test_definitions_of_tools_are_masked(api: ApiClient, agent: Json) -> None:
    tools = f"/agents/{agent['id']}/tools"
    body = {"name": "call", "api_call": {"method": "GET", "url": f"https://a.example/{KEY}", "headers": {"x-key": KEY}}}
    tool = api.post(tools, body).json()
    api.patch(f"{tools}/{tool['id']}", {"api_call": {"headers": {"x-key": KEY + "2"}}})
    api.patch(f"/agents/{agent['id']}", {"metadata": {"x-integration-args": {"search": {"key": KEY}}}})
    api.delete(f"{tools}/{tool['id']}")
    acts = log(api)
    assert KEY not in json.dumps(acts)
    changed = next(act for act in acts if act["verb"] == "update" and act["object"]["kind"] == "tool")
    assert changed["before"]["spec"]["fields"] == changed["after"]["spec"]["fields"]
    assert changed["before"]["spec"]["mark"] != changed["after"]["spec"]["mark"]


def test_long_values_are_told_by_their_digest(api: ApiClient) -> None:
    text = "x" * (LONGEST_VALUE + 1)
    agent = api.post("/agents", {"name": "a", "instructions": [text], "about": text[:-1]}).json()
    after = log(api, object_id=agent["id"])[0]["after"]
    assert after["instructions"]["bytes"] == LONGEST_VALUE + 5
    assert after["about"] == text[:-1]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 3),
        ({"object_kind": "agent"}, 2),
        ({"object_kind": "user"}, 1),
        ({"verb": "update"}, 1),
        ({"actor_kind": "internal"}, 3),
        ({"actor_kind": "run"}, 0),
        ({"actor_id": "nobody"}, 0),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
        ({"until": "2999-01-01T00:00:00Z"}, 3),
        ({"until": "yesterday"}, None),
        ({"verb": "look"}, None),
        ({"limit": 1}, 1),
        ({"offset": 2}, 1),
        ({"sort_by": "updated_at", "direction": "asc"}, 3),
        ({"limit": 0}, None),
    ],
)
def test_filters(api: ApiClient, agent: Json, query: Json, count: int | None) -> None:
    api.patch(f"/agents/{agent['id']}", {"about": "b"})
    api.post("/users", {"name": "u"})
    answer = api.get("/audit", query)
    if count is None:
        assert answer.status_code in (400, 422)
        return
    assert len(answer.json()["items"]) == count
    assert len(log(api, object_id=agent["id"])) == 2


def test_another_developer_sees_nothing(api: ApiClient, stranger: Developer) -> None:
    row = AuditRecord.objects.create(
        developer=stranger, actor_kind="system", verb="create", object_kind="agent", object_id="x"
    )
    assert log(api) == []
    assert log(api, object_id="x") == []
    assert api.get(f"/audit/{row.pk}").status_code == 404


def test_what_is_taken_back_was_not_done(developer: Developer) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        AgentServices().create(developer=developer, values={"name": "a"})
        raise ZeroDivisionError
    assert not AuditRecord.objects.exists()


def test_who_acts_in_a_run_is_the_run(flow: FlowRunner) -> None:
    tool = {"name": "make", "type": "system", "system": {"resource": "user", "operation": "create"}}
    main = [{"tool": "make", "arguments": {"name": "$ 'made'"}}]
    run = flow.start(flow.create({"main": main, "tools": [tool]}).json()["id"], {})
    assert run["status"] == "succeeded", run
    [act] = log(flow.api, object_kind="user")
    assert act["actor"] == {"kind": "run", "id": run["id"], "name": "", "address": None}


UPKEEP = "SET LOCAL julep.audit_upkeep = '{}'"
CHANGES = ["UPDATE audit_auditrecord SET verb = 'x'", "DELETE FROM audit_auditrecord", "TRUNCATE audit_auditrecord"]
STRIP = "UPDATE audit_auditrecord SET name = '', before = NULL, after = NULL"


def run(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize("statement", [*CHANGES, STRIP])
def test_the_database_refuses_changes(api: ApiClient, agent: Json, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"):
        run(statement)
    for upkeep in ("retention", "erasure"):
        allowed = {"retention": CHANGES[1], "erasure": STRIP}[upkeep]
        if statement != allowed:
            with pytest.raises(DatabaseError, match="append-only"):
                run(UPKEEP.format(upkeep), statement)
    assert len(log(api)) == 1


def test_upkeep_says_what_it_does(api: ApiClient, agent: Json) -> None:
    run(UPKEEP.format("erasure"), STRIP)
    [act] = log(api)
    assert (act["object"], act["after"]) == ({"kind": "agent", "id": agent["id"], "name": ""}, None)
    run(UPKEEP.format("retention"), "DELETE FROM audit_auditrecord")
    assert log(api) == []


def test_columns_hold_every_word() -> None:
    longest = AuditRecord._meta.get_field("verb").max_length
    assert all(len(word) <= (longest or 0) for word in [*Verb, *ObjectKind])


@pytest.mark.django_db(transaction=True)
def test_export(settings: Any) -> None:
    settings.AGENTS_API_KEY = API_KEY
    api = ApiClient()
    for number in range(205):
        AuditRecord.objects.create(
            developer_id="0" * 32, actor_kind="system", verb="create", object_kind="agent", object_id=str(number)
        )
    api.post("/users", {"name": "u"})

    async def read(query: str) -> list[Json]:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        response: Any = await AsyncClient().get(f"/audit/export?{query}", headers=headers)
        assert (response.status_code, response["Content-Type"]) == (200, "application/x-ndjson")
        text = b"".join([piece async for piece in response.streaming_content])
        return [json.loads(line) for line in text.splitlines()]

    everything = asyncio.run(read(""))
    assert [len(everything), everything[0]["object"]["kind"]] == [206, "user"]
    assert len({one["id"] for one in everything}) == 206
    assert everything[:100] == log(api)
    assert len(asyncio.run(read("object_kind=user"))) == 1
