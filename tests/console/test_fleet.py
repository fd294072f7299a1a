"""Pages on all runs together: faults, queues, acts."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.test import Client

from agents.models import Developer, ModelUsage
from agents.spending.models import UsageDay
from docs_store.models import DocEmbedding
from executions.models import Branch, Execution
from julep_project.console.queries.usage import OF_IDS
from julep_project.core.clock import now
from tests.flow_runner import FlowRunner


def test_runs_that_failed_alike_are_one_group(operator: Client, flow: FlowRunner) -> None:
    main = [{"evaluate": {"n": "$ 1"}}, {"evaluate": {"n": "$ 1 // inputs[0].n"}, "label": "divide"}]
    tasks = [flow.create({"name": name, "main": main}).json()["id"] for name in ("One", "Two")]
    runs = [flow.start(tasks[0], {"n": n})["id"] for n in (0, 0, 1)] + [flow.start(tasks[1], {"n": 0})["id"]]
    groups = operator.get("/admin/errors/?format=json").json()["items"]
    assert [(one["task"], one["number"], one["step"]) for one in groups] == [("One", 2, "divide"), ("Two", 1, "divide")]
    assert (round(groups[0]["share"], 2), groups[0]["versions"]) == (0.67, [1])
    assert operator.get("/admin/errors/").content.decode().count('class="spark"') == 2

    alike = operator.get(f"/admin/runs/?format=json&fault={groups[0]['fault']}").json()["items"]
    assert {one["id"] for one in alike} == set(runs[:2])
    assert "1 other run failed in the same way" in operator.get(f"/admin/runs/{runs[0]}/head/").content.decode()

    Execution.objects.filter(status="failed").update(ended_at=now() - timedelta(days=2))
    assert operator.get("/admin/errors/?format=json").json()["items"] == []
    assert len(operator.get("/admin/errors/?since=7d&format=json").json()["items"]) == 2
    assert operator.get("/admin/errors/?since=x").status_code == 400


def test_what_waits_for_whom(operator: Client, waiting: dict[str, Any]) -> None:
    def numbers() -> dict[str, int]:
        return {
            f"{one['queue']}: {one['state']}": one["number"]
            for one in operator.get("/admin/queues/?format=json").json()["items"]
            if one["number"]
        }

    assert numbers() == {"nobody: wait for an answer": 1}
    Branch.objects.update(status="running", lease_until=now() - timedelta(hours=1))
    assert numbers() == {"engine: lost their worker": 1}
    Branch.objects.update(status="calling", lease_until=None, wake_at=now() + timedelta(hours=1))
    assert numbers() == {"io: wait for their next attempt": 1}


def test_workers_without_redis(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: Any, **options: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("julep_project.console.views.queues.redis_client", away)
    answer = operator.get("/admin/queues/workers/")
    assert (answer.status_code, "Redis does not answer" in answer.content.decode()) == (200, True)


def test_who_did_what(operator: Client, waiting: dict[str, Any]) -> None:
    operator.post(f"/admin/runs/{waiting['id']}/cancel/", {"reason": "x"})

    def acts(query: str) -> list[tuple[str, str]]:
        items = operator.get(f"/admin/audit/?format=json&{query}").json()["items"]
        return [(one["verb"], one["object_id"]) for one in items]

    assert acts("")[0] == ("cancel", waiting["id"])
    assert acts("verb=cancel") == acts("actor=operator") == [("cancel", waiting["id"])]
    assert [verb for verb, _ in acts(f"object={waiting['id']}")] == ["cancel", "create"]
    assert acts("actor_kind=staff&object_kind=agent") == []
    page = operator.get("/admin/audit/?verb=cancel").content.decode()
    assert "operator" in page and "127.0.0.1" in page
    first = operator.get("/admin/audit/?format=json").json()["items"][0]["id"]
    assert acts(f"after={first}") == acts("")[1:]
    assert operator.get("/admin/audit/?after=x").status_code == 400


def test_the_last_hour(operator: Client, waiting: dict[str, Any], hostile: dict[str, Any]) -> None:
    told = {one["name"]: (one["now"], one["before"]) for one in operator.get("/admin/?format=json").json()["items"]}
    assert told["Runs begun"] == (2, None) and told["Runs failed"] == (1, None)
    page = operator.get("/admin/").content.decode()
    assert "Refund 274 EUR?" in page and "Nothing waits that should not" in page
    assert "<html" not in operator.get("/admin/?part=1").content.decode()

    Branch.objects.filter(execution_id=waiting["id"]).update(
        status="ready", updated_at=now() - timedelta(minutes=9, seconds=5)
    )
    assert "has waited for a worker for 9 min" in operator.get("/admin/?part=1").content.decode()


@pytest.mark.parametrize("group", ["model", "task", "agent", "developer", "day"])
def test_usage(operator: Client, developer: Developer, group: str) -> None:
    numbers = {"prompt_tokens": 10, "completion_tokens": 5}
    day = {"day": now().date(), "custom_api_used": False, "unpriced": 1, **numbers}
    UsageDay.objects.create(developer=developer, model="gpt-x", calls=3, cost=2, **day)
    ModelUsage.objects.create(developer=developer, model="gpt-x", cost=1, **numbers)
    ModelUsage.objects.create(developer=developer, model="gpt-x", cost=1, folded=True, **numbers)
    (row,) = operator.get(f"/admin/usage/?by={group}&format=json").json()["items"]
    assert (row["calls"], row["prompt_tokens"], row["cost"], row["unpriced"], row["share"]) == (4, 20, 3.0, 1, 1.0)
    assert operator.get(f"/admin/usage/?by={group}").status_code == 200
    single = f"/admin/usage/?by={group}&of={row['key'] or ''}"
    assert [one["cost"] for one in operator.get(f"{single}&format=json").json()["items"]] == [1.0, 1.0]
    assert "The dearest calls of" in operator.get(single).content.decode()
    assert operator.get(f"/admin/usage/?by={group}&of=%00x'").status_code == (400 if group in OF_IDS else 200)


def test_a_chat_is_read(operator: Client, waiting: dict[str, Any], flow: FlowRunner) -> None:
    path = f"/admin/chats/{waiting['session_id']}/"
    assert "Where is A-7?" in operator.get(path).content.decode()
    entries = operator.get(f"{path}?format=json").json()["items"]
    assert [(one["role"], one["text"]) for one in entries] == [
        ("user", "Where is A-7?"),
        ("assistant", "A-7 is on its way"),
    ]
    assert operator.get(f"{path}?after=2&format=json").json()["items"] == []
    (listed,) = operator.get("/admin/chats/?agent=Ada&format=json").json()["items"]
    assert (listed["id"], listed["agents"]) == (waiting["session_id"], ["Ada"])
    assert operator.get("/admin/chats/?user=nobody&format=json").json()["items"] == []
    assert operator.get("/admin/search/", {"q": entries[0]["id"]}).headers["Location"] == path
    assert operator.get("/admin/chats/00000000-0000-0000-0000-000000000001/").status_code == 404


def test_what_was_said_is_found_by_those_who_may_read_it(
    operator: Client, viewer: Client, waiting: dict[str, Any]
) -> None:
    for text, number in (("WHERE is a-7", 1), ("where is a-8", 0), ('"', 0), ("%", 0)):
        assert len(operator.get("/admin/chats/", {"text": text, "format": "json"}).json()["items"]) == number
    assert len(viewer.get("/admin/chats/?text=nobody&format=json").json()["items"]) == 1


def test_docs_without_vectors(operator: Client, flow: FlowRunner) -> None:
    agent = flow.api.post("/agents", {"name": "Ada"}).json()["id"]
    flow.api.post(f"/agents/{agent}/docs", {"title": "Tides", "content": "high at noon"})
    DocEmbedding.objects.update(state="failed", error="no such model")
    page = operator.get("/admin/documents/").content.decode()
    assert "Tides" in page and "no such model" in page and "high at noon" in page
    assert [one["state"] for one in operator.get("/admin/documents/?format=json").json()["items"]] == ["failed"]


def test_pausing(
    operator: Client, waiting: dict[str, Any], flow: FlowRunner, django_capture_on_commit_callbacks: Any
) -> None:
    form = {"scope": "intake", "key": "", "reason": "the provider is down", "length": "1h"}
    with django_capture_on_commit_callbacks(execute=True):
        assert operator.post("/admin/controls/pause/", form).status_code == 302
    (paused,) = operator.get("/admin/controls/?format=json").json()["items"]
    assert (paused["scope"], paused["made_by"], paused["reason"]) == ("intake", "operator", "the provider is down")
    assert flow.api.post(f"/tasks/{waiting['task']}/executions", {"input": {}}).status_code == 503
    assert "the provider is down" in operator.get("/admin/").content.decode()
    again = operator.post("/admin/controls/pause/", form, follow=True).content.decode()
    assert "paused already" in again and again.count("the provider is down") == 1

    with django_capture_on_commit_callbacks(execute=True):
        assert operator.post(f"/admin/controls/{paused['id']}/lift/").status_code == 302
    assert operator.get("/admin/controls/?format=json").json()["items"] == []
    acts = operator.get("/admin/audit/?format=json&object_kind=pause").json()["items"]
    assert [(one["verb"], one["actor_label"]) for one in acts] == [("lift", "operator"), ("pause", "operator")]
    for wrong in ({"scope": "x"}, {"length": "9y"}):
        assert operator.post("/admin/controls/pause/", {**form, **wrong}).status_code == 400
    assert (
        "needs a reason"
        in operator.post("/admin/controls/pause/", {**form, "reason": ""}, follow=True).content.decode()
    )
