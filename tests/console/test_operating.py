"""What operators decide about faults, queues, workers, docs and keys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client

from docs_store.models import DocEmbedding
from executions.models import Branch, Execution
from executions.operating import workers
from executions.operating.heartbeat import Heartbeat
from executions.operating.models import FaultMark, Worker
from executions.operating.workers import Told
from julep_project.core.clock import now
from julep_project.core.work import rings
from tests.console.conftest import once
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


def test_due_rows_are_rung_for_again(
    operator: Client, waiting: dict[str, Any], monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(rings, "ring", lambda task, *ids: rung.append(task))
    Branch.objects.update(status="ready", rung_at=now())
    with django_capture_on_commit_callbacks(execute=True):
        assert operator.post("/admin/queues/ring/", {"queue": "io"}).status_code == 302
        assert Branch.objects.get().rung_at is not None
        operator.post("/admin/queues/ring/", {"queue": "engine"})
    assert Branch.objects.get().rung_at is None and rung == ["executions.sweep"] * 2
    assert (
        "A queue that can be rung" in operator.post("/admin/queues/ring/", {"queue": "x"}, follow=True).content.decode()
    )
    (first, _) = operator.get("/admin/audit/?format=json&verb=ring").json()["items"]
    assert (first["object_id"], first["after"]) == ("engine", {"rows": 1})


def test_a_worker_is_drained(
    operator: Client, db: None, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    called: list[str] = []
    monkeypatch.setattr(workers, "call_worker", called.append)
    ended: list[str] = []
    told = Told(name="io@h", queues=["io"], release="r", pid=7)
    heart = Heartbeat(told, forks=False, retire=lambda: ended.append("io@h"))
    heart.once()
    assert not ended
    assert f"drain-{told.id}" in operator.get("/admin/queues/").content.decode()

    path = f"/admin/queues/workers/{told.id}/drain/"
    with django_capture_on_commit_callbacks(execute=True):
        operator.post(path)
    assert called == ["io@h"]
    assert "asked to drain" in operator.get("/admin/queues/").content.decode()
    assert "drains already" in operator.post(path, follow=True).content.decode()
    heart.once()
    assert ended == ["io@h"]
    page = operator.get("/admin/queues/").content.decode()
    assert "drains for" in page and "by <bdi>operator</bdi>" in page and f"drain-{told.id}" not in page
    heart.end()
    assert not Worker.objects.filter(pk=told.id).exists()
    assert "Worker not found" in operator.post(path, follow=True).content.decode()
    (act,) = operator.get("/admin/audit/?format=json&verb=drain").json()["items"]
    assert (act["object_kind"], act["name"], act["actor_label"]) == ("worker", "io@h", "operator")


def test_docs_are_tried_again(operator: Client, flow: FlowRunner) -> None:
    agent = flow.api.post("/agents", {"name": "Ada"}).json()["id"]
    for title in ("Tides", "Moons", "Ebbs"):
        flow.api.post(f"/agents/{agent}/docs", {"title": title, "content": "high at noon"})
    DocEmbedding.objects.update(state="failed", error="no such model", attempts=12)
    row = DocEmbedding.objects.get(doc__title="Tides")

    assert operator.post("/admin/documents/retry/", {"row": [str(row.pk)]}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("pending", 0)
    listed = operator.get("/admin/documents/?of=failed&format=json").json()["items"]
    assert {(one["title"], one["error"], one["begins"]) for one in listed} == {
        ("Moons", "no such model", "high at noon"),
        ("Ebbs", "no such model", "high at noon"),
    }
    operator.post("/admin/documents/retry/", {"all": "1", "model": "another"})
    assert DocEmbedding.objects.filter(state="failed").count() == 2
    operator.post("/admin/documents/retry/", {"all": "1", "model": row.model_id})
    assert not DocEmbedding.objects.filter(state="failed").exists()
    assert operator.post("/admin/documents/retry/", {"row": ["x"]}).status_code == 400
    acts = operator.get("/admin/audit/?format=json&object_kind=doc&verb=retry").json()["items"]
    assert [one["after"]["docs"] for one in acts] == [2, 0, 1]


def test_keys_are_made_and_revoked(staff: Callable[[str], Client], waiting: dict[str, Any]) -> None:
    administrator = staff("administrator")
    form = {"label": "nightly", "scope": ["read"], "length": "30d"}
    made = administrator.post("/admin/controls/keys/", once(**form))
    assert made.headers["Cache-Control"].startswith("no-store")
    text = made.context["text"]
    assert text in made.content.decode() and text not in administrator.get("/admin/controls/").content.decode()
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert client.get("/agents").status_code == 200
    key = made.context["key"]
    assert administrator.post(f"/admin/controls/keys/{key.pk}/revoke/").status_code == 302
    assert "nightly" in administrator.get("/admin/controls/").content.decode()
    key.refresh_from_db()
    assert key.revoked_at is not None
    page = administrator.post("/admin/controls/keys/", once(**{**form, "label": ""}), follow=True).content.decode()
    assert "A key needs" in page
    for wrong in ({"length": "x"}, {"scope": ["root"]}):
        assert administrator.post("/admin/controls/keys/", {**form, **wrong}).status_code == 400
    assert "Kept for" in page and "New key" not in staff("operator").get("/admin/controls/").content.decode()
