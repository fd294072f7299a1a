"""Pages on all runs together: faults, queues, acts."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.test import Client

from executions.models import Branch, Execution
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
    Branch.objects.update(status="running", lease_until=now() - timedelta(seconds=1))
    assert numbers() == {"engine: lost their worker": 1}
    Branch.objects.update(status="calling", lease_until=None, wake_at=now() + timedelta(seconds=9))
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
