"""Operators decide about calls of tools in the Inbox."""

from typing import Any

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from executions.models import Branch, Transition
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer


@pytest.mark.parametrize(("decision", "status"), [("approve", "succeeded"), ("deny", "failed")])
def test_deciding(
    operator: Client,
    flow: FlowRunner,
    web_server: WebServer,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
    decision: str,
    status: str,
) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    url = web_server.script("/pay", Reply(200, {}))
    tool = {"name": "pay", "type": "api_call", "api_call": {"method": "POST", "url": url}, "approval": "always"}
    main = [{"tool": "pay", "arguments": {"to": "$ '<b>Ann</b>'"}}]
    run = flow.start(flow.create({"main": main, "tools": [tool]}).json()["id"], {})
    wait = Transition.objects.get(execution=run["id"], type="wait")
    page = f"/admin/inbox/{wait.pk}/"

    assert "tool approval" in operator.get("/admin/inbox/?kind=approval").content.decode()
    assert "waits for somebody who agrees" in operator.get(f"/admin/runs/{run['id']}/").content.decode()
    shown = operator.get(page)
    text = shown.content.decode()
    assert "It waits because the tool always asks." in text
    assert "&lt;b&gt;Ann&lt;/b&gt;" in text and f'name="hash" value="{wait.output["hash"]}"' in text
    form = {"digest": shown.context["digest"], "hash": wait.output["hash"], "decision": decision, "reason": "no"}
    for wrong in ({"digest": "0" * 64}, {"hash": "0" * 64}, {"hash": ""}, {"decision": ""}):
        assert operator.post(f"{page}answer/", {**form, **wrong}).headers["Location"] == page
    assert Branch.objects.get(execution_id=run["id"]).status == "awaiting_input"

    with django_capture_on_commit_callbacks(execute=True):
        assert operator.post(f"{page}answer/", form).headers["Location"] == f"/admin/runs/{run['id']}/"

    assert flow.settle(run["id"])["status"] == status
    assert len(web_server.requests) == (decision == "approve")
    act = AuditRecord.objects.get(verb="resume")
    assert (act.actor_label, act.after["decision"], act.after["tool"]) == ("operator", decision, "pay")
    # Somebody else had the same page open.
    assert operator.post(f"{page}answer/", form).headers["Location"] == page
    assert AuditRecord.objects.filter(verb="resume").count() == 1
