"""What operators decide about faults."""

from datetime import timedelta
from typing import Any

from django.test import Client

from executions.models import Execution
from executions.operating.models import FaultMark
from julep_project.core.clock import now
from tests.flow_runner import FlowRunner


def test_faults_are_ignored_or_resolved_until_they_happen_again(operator: Client, flow: FlowRunner) -> None:
    main = [{"evaluate": {"n": "$ 1 // inputs[0].n"}, "label": "divide"}]
    task = flow.create({"name": "One", "main": main}).json()["id"]
    flow.start(task, {"n": 0})

    def states(which: str = "all") -> list[str]:
        return [one["state"] for one in operator.get(f"/admin/errors/?state={which}&format=json").json()["items"]]

    def mark(state: str, **more: str) -> Any:
        return operator.post("/admin/errors/mark/", {"task": task, "fault": fault, "state": state, **more})

    fault = operator.get("/admin/errors/?format=json").json()["items"][0]["fault"]
    # A moment before what is decided in this transaction.
    Execution.objects.update(ended_at=now() - timedelta(seconds=9))
    mark("resolved")
    assert (states(), states("new"), states("resolved")) == (["resolved"], [], ["resolved"])
    assert "No run failed" in operator.get("/admin/?part=1").content.decode()
    assert "1 in the last 24h is not" in operator.get("/admin/errors/").content.decode()
    FaultMark.objects.update(made_at=now() - timedelta(seconds=10))
    assert states() == ["new"]

    mark("ignored", length="1h")
    assert states() == ["ignored"]
    page = operator.get("/admin/errors/?state=ignored").content.decode()
    assert "by <bdi>operator</bdi>" in page and "divide" in page
    FaultMark.objects.update(until=now() - timedelta(seconds=1))
    assert states() == ["new"]
    mark("ignored", length="7d")
    FaultMark.objects.update(version=0)
    assert states() == ["new"], "it happened in a newer version"
    mark("new")
    assert not FaultMark.objects.exists()

    assert mark("ignored", length="9y").status_code == mark("all").status_code == 400
    assert (
        operator.post("/admin/errors/mark/", {"task": task, "fault": "f" * 16, "state": "resolved"}).status_code == 302
    )
    acts = operator.get("/admin/audit/?format=json&object_kind=fault").json()["items"]
    assert [one["after"].get("state") for one in acts] == ["new", None, "ignored", "resolved"]
