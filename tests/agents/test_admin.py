"""Staff pages of this app."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.db.models import JSONField
from django.test import Client

from agents.models import Agent, Developer, ModelUsage, Project, Tool
from tests.api_client import ApiClient


@pytest.fixture
def staff(admin_client: Client, api: ApiClient, agent: dict[str, Any], developer: Developer) -> Client:
    """A signed-in staff user, with a row of every kind to look at."""
    api.post(f"/agents/{agent['id']}/tools", {"name": "t", "function": {}})
    ModelUsage.objects.create(developer=developer, model="offline/echo", prompt_tokens=1, completion_tokens=2)
    return admin_client


@pytest.mark.parametrize("model", ["agent", "developer", "modelusage", "project", "tool"])
def test_lists_and_details(staff: Client, model: str) -> None:
    response = staff.get(f"/admin/agents/{model}/")
    assert response.status_code == 200
    row = response.context["cl"].result_list[0]
    assert staff.get(f"/admin/agents/{model}/{row.pk}/change/").status_code == 200


def test_rows_cannot_be_edited(staff: Client) -> None:
    agent, tool = Agent.objects.get(), Tool.objects.get()
    assert staff.post(f"/admin/agents/agent/{agent.pk}/change/", {"name": "x"}).status_code == 403
    assert staff.post(f"/admin/agents/tool/{tool.pk}/delete/", {"post": "yes"}).status_code == 403


def test_new_rows_show_no_values_yet(admin_client: Client) -> None:
    for page in ("agents/developer", "spending/spendinglimit"):
        assert "DatabaseDefault" not in admin_client.get(f"/admin/{page}/add/").content.decode()


def test_strangers_are_sent_to_the_login_page(client: Client, db: None) -> None:
    response = client.get("/admin/agents/agent/")
    assert (response.status_code, response.headers["Location"].split("?")[0]) == (302, "/admin/login/")


def test_a_developer_that_staff_make_has_the_default_project(admin_client: Client) -> None:
    page = "/admin/agents/developer/add/"
    assert admin_client.post(page, {"email": "new@example.com", "active": "on", "tags": ""}).status_code == 302
    assert Project.objects.get(developer__email="new@example.com").canonical_name == "default"


def _send_tags(staff: Client, tags: str) -> Any:
    developer = Developer.objects.get()
    fields = {"email": developer.email, "active": "on", "tags": tags}
    return staff.post(f"/admin/agents/developer/{developer.pk}/change/", fields)


def test_a_list_in_a_form(staff: Client) -> None:
    assert _send_tags(staff, "paid,large").status_code == 302
    assert Developer.objects.get().tags == ["paid", "large"]


def test_a_list_in_a_form_that_is_too_long(staff: Client) -> None:
    response = _send_tags(staff, "," * 10_000_000)
    assert response.status_code == 200
    assert response.context["errors"] == [["Ensure this list has at most 10000 characters."]]
    assert Developer.objects.get().tags == ["paid"]


def test_no_form_takes_json(admin_client: Client, rf: Any, admin_user: Any) -> None:
    """The forms of the framework would read it without any bound."""
    request = rf.get("/admin/")
    request.user = admin_user
    editable = [
        (model.__name__, field.name)
        for model, page in site._registry.items()
        if page.has_add_permission(request) or page.has_change_permission(request)
        for field in model._meta.get_fields()
        if isinstance(field, JSONField) and field.name not in page.get_readonly_fields(request)
    ]
    assert editable == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n" * 500_000),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n" * 50_000),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name=a; filename="a"\r\n\r\nx\r\n' * 50_000,
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"a: b\r\n" * 500_000),
        ("application/x-www-form-urlencoded", b"a&" * 2_000_000),
    ],
    ids=["parts without a name", "fields", "files", "headers", "pairs"],
)
def test_a_form_of_too_many_parts(db: None, kind: str, body: bytes) -> None:
    """Anybody may send one to the page of the login."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    response = client.generic("POST", "/admin/login/", body, content_type=kind)
    assert response.status_code in (400, 403)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"])
def test_the_api_reads_no_forms(api: ApiClient, kind: str) -> None:
    """Neither parser is ever asked: every body is JSON."""
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n'
    assert api.send("POST", "/agents", raw=body, content_type=kind).status_code == 422
    assert api.send("POST", "/files", raw=body, content_type=kind).status_code == 422
