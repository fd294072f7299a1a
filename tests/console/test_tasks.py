"""The page of a task."""

from typing import Any
from uuid import uuid4

from django.test import Client

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
