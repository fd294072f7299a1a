"""The list of runs, the search box, and files."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.webhooks.models import Message
from executions.models import Branch, Execution
from julep_project.core.clock import DatabaseNow
from tests.flow_runner import FlowRunner


@pytest.fixture
def several(flow: FlowRunner) -> list[str]:
    """Six runs of two tasks whose names begin alike, three of them of one instant."""
    ids = []
    for number in range(2):
        task = flow.create({"name": f"Charge card {number}", "main": [{"evaluate": {"n": "$ 1 / _.n"}}]}).json()
        ids += [flow.start(task["id"], {"n": n}, metadata={"n": n, "who": f"c{number}"})["id"] for n in (0, 1, 2)]
    Execution.objects.filter(pk__in=ids[:3]).update(created_at=DatabaseNow())
    return ids


def listed(client: Client, query: str = "") -> list[str]:
    return [row["id"] for row in client.get(f"/admin/runs/?format=json{query}").json()["items"]]


def test_filters(operator: Client, several: list[str]) -> None:
    failed = {several[0], several[3]}
    assert set(listed(operator)) == set(several)
    assert set(listed(operator, "&status=failed")) == failed
    assert set(listed(operator, "&status=failed&status=succeeded")) == set(several)
    # Not a word of it, all of it.
    assert set(listed(operator, "&task=Charge card 1")) == set(several[3:])
    assert set(listed(operator, f"&task={Execution.objects.get(pk=several[0]).task_id}")) == set(several[:3])
    assert listed(operator, "&task=Charge") == []
    assert set(listed(operator, "&agent=Ada&error=division")) == failed
    assert set(listed(operator, "&meta=n=2")) == {several[2], several[5]}
    assert set(listed(operator, "&meta=who=c1&meta=n=1")) == {several[4]}
    assert set(listed(operator, "&q=DIVISION")) == failed
    assert set(listed(operator, "&since=-1h")) == set(several)
    assert listed(operator, "&until=-1h") == []


@pytest.mark.parametrize(
    "query",
    ["status=x", "since=x", "after=x", "format=xml", "meta=x-integration-args=1", "after=W10", "after=2026-01-01~x"],
)
def test_what_cannot_be_asked(operator: Client, db: None, query: str) -> None:
    answer = operator.get(f"/admin/runs/?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_pages_go_on_where_they_ended(operator: Client, several: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one instant are neither left out nor shown twice, and what came meanwhile moves nothing."""
    monkeypatch.setattr("julep_project.console.views.runs.FILE", 2)
    page = operator.get("/admin/runs/?format=json").json()
    seen = [row["id"] for row in page["items"]]
    Execution.objects.filter(pk=several[5]).update(created_at=DatabaseNow() + timedelta(hours=1))
    while page["next"]:
        page = operator.get(page["next"]).json()
        seen += [row["id"] for row in page["items"]]
    assert sorted(seen) == sorted({*seen}) and set(several) - set(seen) <= {several[5]}


def test_a_list_costs_the_same_for_many(operator: Client, several: list[str]) -> None:
    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(f"/admin/runs/?{query}").status_code == 200
        assert not [one for one in captured.captured_queries if "OFFSET" in one["sql"].upper()]
        return len(captured)

    queries("")
    assert queries("meta=n=0&meta=who=c1") == queries("meta=n=0")


def test_csv_holds_no_formula(operator: Client, hostile: dict[str, Any]) -> None:
    Execution.objects.filter(pk=hostile["id"]).update(error="=HYPERLINK(1)")
    text = operator.get("/admin/runs/?format=csv").content.decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["error"] == "'=HYPERLINK(1)"
    assert not [cell for cell in row.values() if cell[:1] in ("=", "+", "-", "@")]
    assert json.loads(operator.get("/admin/runs/?format=json").content)["items"][0]["error"] == "=HYPERLINK(1)"


def _words(answer: Any) -> str:
    import re

    return " ".join(re.sub(r"<[^>]+>", "", answer.content.decode()).split())


@pytest.mark.parametrize("kind", ["run", "transition", "branch", "task"])
def test_search_leads_to_what_an_id_names(operator: Client, waiting: dict[str, Any], kind: str) -> None:
    ids = {
        "run": waiting["id"],
        "transition": waiting["wait_id"],
        "branch": str(Branch.objects.get(execution_id=waiting["id"]).pk),
        "task": waiting["task"],
    }
    url = f"/admin/tasks/{ids['task']}/" if kind == "task" else f"/admin/runs/{waiting['id']}/"
    for text in (ids[kind], ids[kind].upper(), ids[kind].replace("-", ""), f"{ids[kind][:8]}…{ids[kind][-6:]}"):
        answer = operator.get("/admin/search/", {"q": f" {text} "})
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, url)


def test_search_leads_to_triggers_and_tools(operator: Client, waiting: dict[str, Any]) -> None:
    places = {"schedule": "schedules", "endpoint": "webhooks", "delivery": "deliveries", "hook": "hooks"}
    places |= {"hook_call": "hook-calls", "event": "events", "server": "mcp-servers", "connection": "connections"}
    wanted = {waiting[f"{name}_id"]: f"/admin/{place}/{waiting[f'{name}_id']}/" for name, place in places.items()}
    wanted[Message.objects.get(deliveries=waiting["delivery_id"]).reference] = (
        f"/admin/deliveries/{waiting['delivery_id']}/"
    )
    for text, url in wanted.items():
        assert operator.get("/admin/search/", {"q": text}).headers["Location"] == url


def test_search_by_a_beginning_and_by_other_names(operator: Client, waiting: dict[str, Any], flow: FlowRunner) -> None:
    page = operator.get("/admin/search/", {"q": waiting["id"][:8]}).content.decode()
    assert waiting["id"] in page
    user = flow.api.post("/users", {"name": "u"}, headers={"Idempotency-Key": "order-7"})
    request_id = user.headers["X-Request-Id"]
    assert "idempotencykey" in operator.get("/admin/search/", {"q": "order-7"}).headers["Location"]
    assert (
        operator.get("/admin/search/", {"q": request_id}).headers["Location"].endswith(f"{user.json()['id']}/change/")
    )
    for nothing in (str(UUID(int=5)), "nothing", "'; --", "x" * 5000, "\u202e", "0199c1d2…zz", "%00"):
        assert operator.get("/admin/search/", {"q": nothing}).status_code == 200


@pytest.mark.parametrize(
    ("address", "table", "index"),
    [
        ("mcp-servers/?state=changed", "mcp_client_mcptool", "mcp_tool_to_look_at"),
        ("connections/?status=refused", "connections_connection", "connection_of_status"),
        ("events/?developer=a@example.com", "events_event", "event_of_developer"),
    ],
)
def test_rare_filters_go_by_indexes(operator: Client, address: str, table: str, index: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert operator.get(f"/admin/{address}").status_code == 200
    (sql,) = [one["sql"] for one in captured.captured_queries if table in one["sql"] and "LIMIT" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan, plan


def test_search_goes_by_indexes(operator: Client, waiting: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as captured:
        operator.get("/admin/search/", {"q": waiting["id"][:8]})
    asked = [one["sql"] for one in captured.captured_queries if "BETWEEN" in one["sql"]]
    assert len(asked) > 8
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Index Cond: ((id >=" in plan, plan
