"""The same done to all runs of a list."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from executions.bulk import actions
from executions.bulk.models import BulkAction
from executions.bulk.working import work_on
from executions.models import Execution
from julep_project.core.clock import now
from tests.flow_runner import FlowRunner


@pytest.fixture
def failed(flow: FlowRunner) -> list[str]:
    """Three failed runs of an hour ago, and one that succeeded."""
    task = flow.create({"name": "Charge card", "main": [{"evaluate": {"n": "$ 1 / _.n"}}]}).json()
    ids = [flow.start(task["id"], {"n": n}, metadata={"shop": "7"})["id"] for n in (0, 0, 0, 1)]
    Execution.objects.update(created_at=now() - timedelta(hours=1))
    return ids[:3]


def form_of(client: Client, query: str) -> tuple[str, dict[str, Any]]:
    """The page that a list of runs leads to, and what its form sends."""
    page = client.get(f"/admin/bulk/new/?{query}", follow=True)
    text = page.content.decode()
    fields = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', text)
    return text, {name: [one for key, one in fields if key == name] for name, _ in fields}


def test_all_that_match_are_tried_again_once(
    operator: Client, failed: list[str], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(actions, "FREELY", 2)
    monkeypatch.setattr("julep_project.console.views.bulk.begin.FREELY", 2)
    text, form = form_of(operator, "action=retry&task=Charge card&since=-7d&meta=shop=7&status=failed")
    assert "Type the number of runs" in text and all(run in text for run in failed)
    assert "confirm" not in form
    form["reason"] = "the gateway is back"
    answer = operator.post("/admin/bulk/begin/", {**form, "confirm": "2"}, follow=True)
    assert "3 runs meet the filter" in answer.content.decode()
    assert not BulkAction.objects.exists()
    # Runs that are started meanwhile are not of those that were shown.
    Execution.objects.filter(pk=failed[0]).update(created_at=now() + timedelta(seconds=5))
    assert "2 runs meet" in operator.post("/admin/bulk/begin/", {**form, "confirm": "3"}, follow=True).content.decode()
    where = {operator.post("/admin/bulk/begin/", {**form, "confirm": "2"}).headers["Location"] for _ in range(2)}
    bulk = BulkAction.objects.get()
    assert where == {f"/admin/bulk/{bulk.pk}/"}
    assert (bulk.actor["label"], bulk.why, bulk.options) == ("operator", "the gateway is back", {"from": "failed"})
    assert AuditRecord.objects.get(object_kind="bulk").actor_label == "operator"
    with django_capture_on_commit_callbacks(execute=True):
        work_on(bulk.pk)
    assert {str(run.retried_from) for run in Execution.objects.exclude(retried_from=None)} == set(failed[1:])
    told = operator.get(f"/admin/bulk/{bulk.pk}/").content.decode()
    assert "Charge card" in told and "the gateway is back" in told and "data-refresh" not in told
    assert operator.get("/admin/bulk/?format=json").json()["items"][0]["done"] == 2
    assert operator.get(f"/admin/bulk/{bulk.pk}/?part=1").headers["HX-Refresh"] == "true"
    again, _ = form_of(operator, "action=retry&task=Charge card&status=failed&until=" + form["until"][0][:19])
    assert "2 of them were tried again before" in " ".join(re.sub("<[^>]+>", "", again).split())


def test_what_is_meant_stays_meant(operator: Client, failed: list[str]) -> None:
    """Names become ids and spans moments, so the address means the same later."""
    page = operator.get("/admin/bulk/new/?action=retry&task=Charge card&since=-7d")
    query = parse_qs(urlsplit(page.headers["Location"]).query)
    task = str(Execution.objects.get(pk=failed[0]).task_id)
    assert (query["task"], query["status"]) == ([task], ["failed"])
    assert query["since"][0].startswith("20") and query["until"][0].startswith("20")
    assert operator.get(page.headers["Location"]).status_code == 200
    (group,) = re.findall(r'href="/admin/bulk/new/\?([^"]+)"', operator.get("/admin/errors/").content.decode())
    _, form = form_of(operator, group.replace("&amp;", "&"))
    assert (form["confirm"], form["task"]) == (["3"], [task])


CANNOT_BE_MEANT = {
    "action=cancel": "Every run meets this",
    "action=cancel&until=2100-01-01": "Every run meets this",
    "action=cancel&q=card": "Texts are looked for",
    "action=cancel&error=card": "Texts are looked for",
    "action=cancel&status=failed": "None of these can be met",
    "action=cancel&status=running": "No run that matches",
    "action=retry&task=Charge&developer=00000000-0000-0000-0000-000000000000": "None of this developer",
    "action=retry&status=failed&developer=ada": "There is no such developer",
    "action=retry&meta=a=1&meta=a=2": "cannot have two values",
}


def test_what_cannot_be_meant(operator: Client, failed: list[str]) -> None:
    for query, said in CANNOT_BE_MEANT.items():
        text, form = form_of(operator, query)
        assert said in text and "confirm" not in form, query
        operator.post("/admin/bulk/begin/", {**parse_qs(query), "confirm": "0"})
    assert not BulkAction.objects.exists()
    assert operator.get("/admin/bulk/new/?action=x&status=failed").status_code == 400
    assert operator.get("/admin/bulk/new/?action=retry&run=x").status_code == 400


def test_one_developer_is_chosen(operator: Client, failed: list[str], stranger: Any) -> None:
    Execution.objects.filter(pk=failed[0]).update(developer=stranger)
    text, form = form_of(operator, "action=retry&status=failed")
    assert "Whose runs are meant?" in text and "confirm" not in form
    text, form = form_of(operator, f"action=retry&status=failed&developer={stranger.pk}")
    assert form["confirm"] == ["1"]
    assert failed[0] in text and failed[1] not in text


def test_aborting(operator: Client, failed: list[str]) -> None:
    _, form = form_of(operator, "action=retry&status=failed&since=-7d")
    where = operator.post("/admin/bulk/begin/", {**form, "reason": "x"}).headers["Location"]
    assert 'data-refresh="?part=1"' in operator.get(where).content.decode()
    assert operator.post(f"{where}abort/").headers["Location"] == where
    assert BulkAction.objects.get().state == "aborted"
    assert "The action has ended" in operator.post(f"{where}abort/", follow=True).content.decode()
    assert Execution.objects.filter(retried_from=None).count() == 4


def test_chosen_runs(
    operator: Client, failed: list[str], waiting: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    """Those that can be acted on, of those that were chosen on the list; and nothing else."""
    page = operator.get("/admin/runs/").content.decode()
    assert 'action="/admin/bulk/new/" id="selection"' in page and "Delete selected" not in page
    Execution.objects.update(created_at=now() - timedelta(hours=1))
    text, form = form_of(operator, f"action=cancel&run={failed[0]}&run={waiting['id']}")
    assert form["confirm"] == ["1"] and waiting["id"] in text and "Of 2 chosen runs those" in text
    where = operator.post("/admin/bulk/begin/", {**form, "reason": "night shift"}).headers["Location"]
    with django_capture_on_commit_callbacks(execute=True):
        work_on(BulkAction.objects.get(action="cancel").pk)
    assert Execution.objects.get(pk=waiting["id"]).status == "cancelled"
    assert "Of 2 chosen runs those" in operator.get(where).content.decode()
    head = operator.get(f"/admin/runs/{waiting['id']}/head/").content.decode()
    assert "Cancelled by" in head and "night shift" in head
    _, form = form_of(operator, f"action=retry&run={failed[0]}&run={failed[1]}")
    assert form["confirm"] == ["2"] and form["run"] == failed[:2]


def test_waits_are_answered_and_ended_runs_deleted(
    operator: Client, staff: Any, failed: list[str], waiting: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    _, form = form_of(operator, f"action=resume&task={waiting['task']}")
    wrong = operator.post("/admin/bulk/begin/", {**form, "reason": "x", "input": "{"}, follow=True)
    assert "no JSON" in wrong.content.decode()
    operator.post("/admin/bulk/begin/", {**form, "reason": "x", "input": '{"approved": true}'})
    bulk = BulkAction.objects.get(action="resume")
    assert (bulk.options, bulk.matched) == ({"input": {"approved": True}}, 1)

    Execution.objects.update(created_at=now() - timedelta(hours=1))
    query = f"action=delete&run={failed[0]}&run={waiting['id']}"
    assert operator.get(f"/admin/bulk/new/?{query}").status_code == 403
    administrator = staff("administrator")
    text, form = form_of(administrator, query)
    assert "for good" in text and form["confirm"] == ["1"]
    assert operator.post("/admin/bulk/begin/", {**form, "reason": "x"}).status_code == 403
    administrator.post("/admin/bulk/begin/", {**form, "reason": "x"})
    with django_capture_on_commit_callbacks(execute=True):
        work_on(BulkAction.objects.get(action="delete").pk)
    assert not Execution.objects.filter(pk=failed[0]).exists()
    assert Execution.objects.filter(pk__in=[*failed[1:], waiting["id"]]).count() == 3
