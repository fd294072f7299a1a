"""What staff do on their pages."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.test import Client

from agents.audit.models import AuditRecord
from agents.audit.staff import record_staff_act
from agents.models import Agent, Developer, Project
from executions.models import Execution
from julep_project.core.admin import Recorded
from tests.flow_runner import FlowRunner

PASSWORD = "correct horse battery"


def newest() -> AuditRecord:
    return AuditRecord.objects.order_by("-pk")[0]


def test_a_developer_is_changed_and_removed(admin_client: Client, admin_user: Any, stranger: Developer) -> None:
    page = f"/admin/agents/developer/{stranger.pk}/"
    fields = {"email": "other@example.com", "tags": "paid"}
    assert admin_client.post(page + "change/", fields, REMOTE_ADDR="192.0.2.9").status_code == 302
    act = newest()
    assert (act.verb, act.object_kind, act.object_id) == ("update", "developer", str(stranger.pk))
    assert (act.actor_kind, act.actor_id, act.actor_label) == ("staff", str(admin_user.pk), "admin")
    assert (act.address, act.developer_id, bool(act.request_id)) == ("192.0.2.9", stranger.pk, True)
    assert act.before == {"email": "stranger@example.com", "active": True, "tags": []}
    assert act.after == {"email": "other@example.com", "active": False, "tags": ["paid"]}
    Project.objects.bulk_create(Project(developer=stranger, name=f"p{n}", canonical_name=f"p{n}") for n in range(1001))
    asked = admin_client.get(page + "delete/").content.decode()
    assert "projects: more than 1000" in asked and "p1000" not in asked
    assert admin_client.post(page + "delete/", {"post": "yes"}).status_code == 302
    assert (newest().verb, newest().developer_id) == ("delete", stranger.pk)
    assert not Developer.objects.filter(pk=stranger.pk).exists()


def test_removing_several_with_what_they_own(admin_client: Client, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="p", canonical_name="p")
    Agent.objects.create(developer=stranger, project=project, name="a", canonical_name="a")
    form = {"action": "delete_selected", "_selected_action": [str(stranger.pk)], "post": "yes"}
    assert admin_client.post("/admin/agents/developer/", form).status_code == 302
    assert (newest().verb, newest().object_id) == ("delete", str(stranger.pk))
    assert not Agent.objects.filter(developer=stranger).exists()


def test_logins_and_their_passwords(admin_client: Client) -> None:
    form = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert admin_client.post("/admin/auth/user/add/", form).status_code == 302
    user = User.objects.get(username="new")
    assert (newest().verb, newest().object_kind, newest().name) == ("create", "staff_user", "new")
    fields = {"username": "new", "is_superuser": "on", "date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    assert admin_client.post(f"/admin/auth/user/{user.pk}/change/", fields).status_code == 302
    assert newest().after is not None and newest().after["is_superuser"] is True
    again = {"password1": PASSWORD + "2", "password2": PASSWORD + "2", "usable_password": "true"}
    assert admin_client.post(f"/admin/auth/user/{user.pk}/password/", again).status_code == 302
    assert newest().after == {"password": "another"}
    assert not [act for act in AuditRecord.objects.all() if PASSWORD in str(vars(act))]


def test_actions_are_done_by_who_chose_them(admin_client: Client, flow: FlowRunner) -> None:
    task = flow.create({"main": [{"wait_for_input": {"info": {"q": "$ 1"}}}]}).json()
    run = flow.start(task["id"], {})
    assert admin_client.post(f"/admin/runs/{run['id']}/cancel/", {"reason": "x"}).status_code == 302
    assert Execution.objects.get().status == "cancelled"
    assert (newest().verb, newest().object_id, newest().actor_kind) == ("cancel", run["id"], "staff")


def test_the_log_is_read_only(admin_client: Client, agent: dict[str, Any]) -> None:
    page = "/admin/audit/auditrecord/"
    for query in ("", "?verb=create", "?object_kind=user", f"?q={agent['id']}"):
        assert admin_client.get(page + query).status_code == 200
    row = newest()
    assert admin_client.get(f"{page}{row.pk}/change/").status_code == 200
    assert admin_client.post(f"{page}{row.pk}/change/", {"verb": "x"}).status_code == 403
    assert admin_client.post(f"{page}{row.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.django_db
def test_every_page_that_changes_rows_is_recorded(rf: Any, admin_user: Any) -> None:
    request = rf.get("/admin/")
    request.user = admin_user
    for model, page in site._registry.items():
        if model._meta.app_label == "axes":  # failed logins, which their library counts
            continue
        if page.has_add_permission(request) or page.has_change_permission(request):
            assert isinstance(page, Recorded), model
            row = model.objects.first() or model()
            record_staff_act("update", row)
