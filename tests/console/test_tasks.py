"""The page of a task."""

from typing import Any
from uuid import uuid4

from django.test import Client

from agents.audit.models import AuditRecord
from executions.models import Execution
from julep_project.core.ids import uuid7
from tests.flow_runner import FlowRunner


def test_how_its_versions_do(
    operator: Client, viewer: Client, flow: FlowRunner, django_capture_on_commit_callbacks: Any
) -> None:
    main = [{"evaluate": {"n": "$ _.n"}, "label": "take"}, {"evaluate": {"n": "$ 1 / _.n"}, "label": "divide"}]
    made = flow.create({"name": "Divide", "main": main}).json()
    task, agent = made["id"], made["agent_id"]
    for n in (0, 1, 2, 4):
        flow.start(task, {"n": n})
    mended = [main[0], {**main[1], "evaluate": {"n": "$ 1 / max(_.n, 1)"}}]
    assert flow.api.send("PUT", f"/agents/{agent}/tasks/{task}", {"name": "Divide", "main": mended}).status_code == 200
    flow.start(task, {"n": 0})

    page = f"/admin/tasks/{task}/"
    told = operator.get(f"{page}?format=json").json()["items"]
    assert [(one["number"], one["runs"], one["failure_rate"]) for one in told] == [(2, 1, 0.0), (1, 4, 0.25)]
    newest = operator.get(page).content.decode()
    assert "1 / max(_.n, 1)" in newest and "divide" in newest
    before = operator.get(f"{page}?version=1").content.decode()
    assert "$ 1 / _.n" in before and "max(" not in before
    changed = operator.get(f"{page}?version=2&against=1").content.decode()
    assert changed.count('<span class="added">') == changed.count('<span class="removed">') == 1
    assert "max(" not in viewer.get(page).content.decode()
    for wrong in (f"{page}?version=9", f"/admin/tasks/{uuid4()}/"):
        assert operator.get(wrong).status_code == 404
    for listed in ("/admin/runs/", "/admin/errors/"):
        assert page in operator.get(listed).content.decode()

    form = {"scope": "task", "key": task, "reason": "it divides by nothing", "length": "1h", "next": page}
    assert form["reason"] not in newest
    with django_capture_on_commit_callbacks(execute=True):
        paused = operator.post("/admin/controls/pause/", form, follow=True)
    assert paused.redirect_chain == [(page, 302)] and form["reason"] in paused.content.decode()


SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"type": "string", "title": "Order"}, "amount": {"type": "integer", "default": 3}},
}


def test_a_run_is_started(operator: Client, flow: FlowRunner) -> None:
    """From the fields of the schema, or JSON; a form that is sent twice starts one."""
    created = flow.create({"name": "Refund", "main": [{"evaluate": {"n": "$ 1"}}], "input_schema": SCHEMA}).json()
    path = f"/admin/tasks/{created['id']}/start/"
    page = operator.get(path)
    assert "Order" in page.content.decode() and path in operator.get(f"/admin/tasks/{created['id']}/").content.decode()
    form = {"form": "fields", "run_id": str(page.context["run_id"]), "field-order": "A-7", "field-amount": "5"}
    where = {operator.post(f"{path}begin/", form).headers["Location"] for _ in range(2)}
    run = Execution.objects.get()
    assert where == {f"/admin/runs/{run.pk}/"} and run.input == {"order": "A-7", "amount": 5}
    typed = {"run_id": str(uuid7()), "value": '{"order": "A-8"}'}
    operator.post(f"{path}begin/", typed)
    assert Execution.objects.get(pk=typed["run_id"]).input == {"order": "A-8", "amount": 3}
    assert AuditRecord.objects.filter(object_kind="execution", actor_label="operator").count() == 2
    for value, said in (("[1]", "is an object"), ("{", "no JSON"), ("{}", "order")):
        again = operator.post(f"{path}begin/", {"run_id": str(uuid7()), "value": value}, follow=True)
        assert said in again.content.decode() and 'name="value"' in again.content.decode()
    assert operator.post(f"{path}begin/", {"run_id": "x"}).headers["Location"] == path
    assert Execution.objects.count() == 2
