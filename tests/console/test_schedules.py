"""Schedules of all developers, for those who operate them."""

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from executions.schedules.models import Occurrence, Schedule
from tests.console.conftest import once
from tests.flow_runner import FlowRunner


@pytest.fixture
def schedule(flow: FlowRunner) -> Schedule:
    """One that begins runs of a task every hour."""
    task = flow.create({"name": "Report", "main": [{"evaluate": {"n": "$ 1"}}]}).json()["id"]
    body = {"name": "<b>Morning</b>", "task_id": task, "cron": "0 * * * *", "timezone": "Europe/Berlin"}
    return Schedule.objects.get(pk=flow.api.post("/schedules", body).json()["id"])


def test_schedules_are_paused_resumed_and_run(operator: Client, schedule: Schedule) -> None:
    listed = operator.get("/admin/schedules/").content.decode()
    assert "&lt;b&gt;Morning&lt;/b&gt;" in listed and "0 * * * *" in listed and "Report" in listed
    path = f"/admin/schedules/{schedule.pk}/"
    assert "None has come yet." in operator.get(path).content.decode()
    page = operator.post(f"{path}pause/", {"reason": "stocktaking"}, follow=True).content.decode()
    assert "It is paused" in page and "Paused by <bdi>operator" in page and "stocktaking" in page
    assert operator.get("/admin/schedules/?state=paused&format=json").json()["items"][0]["id"] == str(schedule.pk)
    assert "Nothing is scheduled that is ended" in operator.get("/admin/schedules/?state=ended").content.decode()
    page = operator.post(f"{path}run/", once(), follow=True).content.decode()
    occurrence = Occurrence.objects.get()
    assert (occurrence.source, occurrence.state) == ("manual", "started") and str(occurrence.execution_id) in page
    assert "It fires again" in operator.post(f"{path}resume/", follow=True).content.decode()
    verbs = AuditRecord.objects.filter(object_kind="schedule").order_by("pk").values_list("verb", "actor_label")
    assert list(verbs)[1:] == [(verb, "operator") for verb in ("pause", "run", "resume")]
    assert operator.get(f"{path}?format=json").json()["items"][0]["source"] == "manual"


def test_viewers_only_look(viewer: Client, schedule: Schedule) -> None:
    path = f"/admin/schedules/{schedule.pk}/"
    assert "data-dialog" not in viewer.get(path).content.decode()
    for act in ("pause", "resume", "run"):
        assert viewer.post(f"{path}{act}/").status_code == 403
    for wrong, status in (("?state=x", 400), ("?after=x", 400), (f"{schedule.task_id}/", 404)):
        assert viewer.get(f"/admin/schedules/{wrong}").status_code == status
