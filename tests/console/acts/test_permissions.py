"""Who may see which page and do what: over every route of the console."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, reverse

from executions.models import Execution
from julep_project.core.health.health import Report
from julep_project.serving.paths import is_stream
from tests.console.conftest import ROLES

# What a page needs beyond a login of staff, and what an act does.
SEES, READS, OPERATES, ADMINISTERS = 1, 2, 2, 3
PAGES = {
    "console_search": SEES,
    "console_runs": SEES,
    "console_histogram": SEES,
    "console_run": SEES,
    "console_run_head": SEES,
    "console_run_rows": SEES,
    "console_run_detail": SEES,
    "console_run_value": READS,
    "console_inbox": SEES,
    "console_wait": SEES,
    "console_errors": SEES,
    "console_queues": SEES,
    "console_workers": SEES,
    "console_audit": SEES,
    "console_chats": SEES,
    "console_chat": SEES,
    "console_chat_context": SEES,
    "console_chat_now": READS,
    "console_usage": SEES,
    "console_documents": SEES,
    "console_health": SEES,
    "console_doctor": SEES,
    "console_controls": SEES,
    "console_run_call": READS,
    "console_run_retry": OPERATES,
    "console_run_fork": OPERATES,
    "console_compare": SEES,
    "console_compare_step": READS,
    "console_task": SEES,
    "console_task_start": OPERATES,
    "console_bulk": SEES,
    "console_bulk_action": SEES,
    "console_bulk_new": OPERATES,
    "console_schedules": SEES,
    "console_schedule": SEES,
    "console_webhooks": SEES,
    "console_webhook": SEES,
    "console_delivery": SEES,
    "console_hooks": SEES,
    "console_hook": SEES,
    "console_hook_call": SEES,
    "console_events": SEES,
    "console_event": SEES,
    "console_policies": SEES,
    "console_policy": SEES,
    "console_servers": SEES,
    "console_server": SEES,
    "console_connections": SEES,
    "console_connection": SEES,
}
ACTS = {"console_run_cancel": OPERATES, "console_answer": OPERATES}
ACTS |= {"console_run_retry_begin": OPERATES, "console_pause": OPERATES, "console_lift": OPERATES}
ACTS |= {"console_run_fork_begin": OPERATES, "console_compare_choose": SEES, "console_task_begin": OPERATES}
ACTS |= {"console_bulk_begin": OPERATES, "console_bulk_abort": OPERATES}
ACTS |= {"console_errors_mark": OPERATES, "console_ring": OPERATES, "console_drain": OPERATES}
ACTS |= {"console_documents_retry": OPERATES, "console_key_new": ADMINISTERS, "console_key_revoke": ADMINISTERS}
ACTS |= {"console_schedule_pause": OPERATES, "console_schedule_resume": OPERATES, "console_schedule_run": OPERATES}
ACTS |= {f"console_webhook_{act}": OPERATES for act in ("enable", "disable", "test", "replay")}
ACTS |= {"console_hook_pause": OPERATES, "console_hook_resume": OPERATES, "console_hook_rotate": ADMINISTERS}
ACTS |= {"console_hook_rotate_secret": ADMINISTERS}
ACTS |= {"console_hook_call_replay": OPERATES}
ACTS |= {"console_connection_revoke": OPERATES}
ACTS |= {"console_server_refresh": OPERATES, "console_server_accept": OPERATES}
ACTS |= {"console_webhook_rotate": ADMINISTERS, "console_delivery_replay": OPERATES}
ACTS |= {"console_wait_link": OPERATES, "console_wait_unlink": OPERATES}
# Async, so that its connection may stay open; it is tried on running processes.
STREAMS = {"console_run_events"}


def routes() -> dict[str, URLPattern]:
    found = {one.name: one for one in site.get_urls() if isinstance(one, URLPattern) and one.name}
    return {name: one for name, one in found.items() if name.startswith("console_")}


def address(name: str, run: dict[str, Any]) -> str:
    wanted = {"run_id": run["id"], "wait_id": run["wait_id"], "session_id": run["session_id"]}
    wanted |= {"pause_id": run["id"], "call_id": run["call_id"], "task_id": run["task"]}
    wanted |= {"link_id": run["id"]}
    names = routes()[name].pattern.converters
    path = reverse(f"admin:{name}", kwargs={one: wanted.get(one) or run[one] for one in names})
    return path + ("?seq=1" if name == "console_run_detail" else "")


def test_every_route_is_known() -> None:
    assert set(routes()) == {*PAGES, *ACTS, *STREAMS}


@pytest.fixture(autouse=True)
def quick_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks workers, of which there are none, for seconds; so does the page of queues."""
    monkeypatch.setattr("julep_project.console.views.queues._workers", list)
    monkeypatch.setattr("julep_project.doctor.examine", lambda: [Report("redis", ok=False, detail="away")])


@pytest.mark.parametrize("role", ROLES)
def test_pages(staff: Callable[[str], Client], waiting: dict[str, Any], role: str) -> None:
    client, rank = staff(role), ROLES.index(role)
    for name, needed in PAGES.items():
        path = address(name, waiting)
        assert client.get(path).status_code == (200 if rank >= needed else 403), name
        if not rank:
            assert Client().get(path).status_code == 302, name


@pytest.mark.parametrize("role", ROLES)
def test_acts(staff: Callable[[str], Client], waiting: dict[str, Any], role: str) -> None:
    client, rank = staff(role), ROLES.index(role)
    for name, needed in ACTS.items():
        path = address(name, waiting)
        assert client.get(path).status_code == 405, name
        assert Client().post(path).status_code == 302, name
        if rank < needed:
            assert client.post(path, {"run": waiting["id"]}).status_code == 403, name
    assert Execution.objects.get(pk=waiting["id"]).status == "awaiting_input"


def test_a_viewer_sees_no_contents(viewer: Client, waiting: dict[str, Any]) -> None:
    """Neither what is asked, nor what steps were given and gave; nor a button for an act."""
    for name in PAGES:
        text = viewer.get(address(name, waiting)).content.decode()
        assert "Refund 274 EUR?" not in text and "A-7" not in text, name
        assert "Cancel" not in text and 'method="post" action="/admin/inbox' not in text, name
    for seq in (2, 3):
        for tab in ("input", "output", "json"):
            text = viewer.get(f"/admin/runs/{waiting['id']}/detail/?seq={seq}&tab={tab}").content.decode()
            assert "Refund 274 EUR?" not in text and "A-7" not in text
    for page, hidden in (("inbox", {"asks"}), ("audit", {"before", "after"})):
        items = viewer.get(f"/admin/{page}/?format=json").json()["items"]
        assert items and items[0].keys().isdisjoint(hidden)
    said, _ = viewer.get(f"/admin/chats/{waiting['session_id']}/?format=json").json()["items"]
    assert said.keys().isdisjoint({"text", "tool_calls"})


def test_the_site_begins_with_the_console(viewer: Client, staff: Callable[[str], Client], admin_client: Client) -> None:
    for client in (viewer, admin_client):
        assert "Oldest waits" in client.get("/admin/").content.decode()
    assert "Oldest waits" not in staff("nobody").get("/admin/").content.decode()


def test_groups_hold_each_other(db: None) -> None:
    held = [
        set(Group.objects.get(name=f"Console {role}").permissions.values_list("codename", flat=True))
        for role in ROLES[1:]
    ]
    assert held[0] == {"view_console"}
    assert held[0] < held[1] < held[2]


def test_pages_load_nothing_of_others(operator: Client, waiting: dict[str, Any]) -> None:
    for name in PAGES:
        answer = operator.get(address(name, waiting))
        text, policy = answer.content.decode(), answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert (
            "<script>" not in text
            and " style=" not in text
            and "//" not in text.replace("http://testserver", "").replace("http://www.w3.org", "").split("<body")[0]
        ), name


def test_a_stream_is_opened_to_nobody_unknown(waiting: dict[str, Any]) -> None:
    """It is served without the middleware of pages, and so looks at the cookie itself."""
    path = address("console_run_events", waiting)
    assert is_stream(path) and not is_stream(address("console_run_rows", waiting))
    for client in (Client(), Client(headers={"Cookie": "sessionid=forged"})):
        assert (client.get(path).status_code, client.post(path).status_code) == (403, 405)
