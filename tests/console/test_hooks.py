"""Hooks and events of all developers: what was called, what became of it, and what went on with it."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from agents.audit.models import AuditRecord
from executions.events import handing_out
from executions.events.models import Event
from executions.hooks.models import Hook, HookCall
from julep_project.core.ids import uuid7
from tests.console.conftest import HOSTILE, number_in
from tests.flow_runner import FlowRunner

TARGET = {"type": "event", "name": "order.paid", "data": {"order": "$ body['order']"}}
IN_VAIN: dict[str, Any] = {"status": "refused", "http_status": 403}
BODY = {"order": HOSTILE.replace("\u0007", "")}


@pytest.fixture
def hook(flow: FlowRunner, settings: Any) -> Hook:
    """One whose first call recorded an event, and whose second could not be read."""
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    made = flow.api.post("/hooks", {"name": "<b>Orders</b>", "target": TARGET, "scheme": "none"}).json()
    path = urlsplit(made["url"]).path
    for query, body, status in (("?token=s3cret&page=two", BODY, 202), ("", {"other": 1}, 400)):
        answer = Client().post(path + query, json.dumps(body, ensure_ascii=False), content_type="application/json")
        assert answer.status_code == status, answer.content
    return Hook.objects.get()


def test_calls_say_what_became_of_them(operator: Client, viewer: Client, admin_client: Client, hook: Hook) -> None:
    listed = operator.get("/admin/hooks/").content.decode()
    assert "&lt;b&gt;Orders" in listed and "records an event" in listed
    (item,) = operator.get("/admin/hooks/?target=event&state=active&format=json").json()["items"]
    assert (item["calls"], item["in_vain"], item["last_status"]) == (2, 1, "failed")
    path = f"/admin/hooks/{hook.pk}/"
    assert "were refused and" not in operator.get("/admin/").content.decode()
    HookCall.objects.bulk_create(HookCall(**IN_VAIN, hook=hook, developer=hook.developer) for _ in range(10))
    assert "10 were refused and 1 failed" in " ".join(operator.get("/admin/").content.decode().split())
    HookCall.objects.filter(status="refused").delete()
    failed, accepted = operator.get(f"{path}?format=json&since=-1h").json()["items"]
    assert "order" in failed["reason"] and accepted["began_id"] == str(Event.objects.get().pk)
    assert [one["id"] for one in operator.get(f"{path}?status=failed&format=json").json()["items"]] == [failed["id"]]
    page = operator.get(f"/admin/hook-calls/{accepted['id']}/").content.decode()
    assert "&quot;page&quot;: &quot;two&quot;" in page and "***" in page and "⟪U+202E⟫" in page and "<img" not in page
    assert "What is made of a call" in operator.get(path).content.decode()
    for shown in (
        page,
        operator.get(f"/admin/hook-calls/{accepted['id']}/?format=json").content.decode(),
        admin_client.get(f"/admin/hooks/hookcall/{accepted['id']}/change/").content.decode(),
    ):
        assert "s3cret" not in shown and "two" in shown
    page = viewer.get(f"/admin/hook-calls/{accepted['id']}/").content.decode()
    assert "two" not in page and "U+202E" not in page and "What is made" not in viewer.get(path).content.decode()
    for wrong, status in (("?status=x", 400), ("?after=x", 400), (f"../{failed['id']}/", 404)):
        assert operator.get(path + wrong).status_code == status


def test_a_call_is_taken_again_once_the_hook_is_mended(operator: Client, flow: FlowRunner, hook: Hook) -> None:
    failed = HookCall.objects.get(status="failed")
    at = f"/admin/hook-calls/{failed.pk}/"
    asked = [{"number": str(uuid7())} for _ in range(2)]
    assert "Nothing was begun" in operator.post(f"{at}replay/", asked[0], follow=True).content.decode()
    target = {**TARGET, "data": {"order": "$ body['other']"}}
    assert flow.api.patch(f"/hooks/{hook.pk}", {"target": target}).status_code == 200
    page = operator.post(f"{at}replay/", asked[1], follow=True).content.decode()
    assert "this is what became of it" in page and str(failed.pk) in page
    assert Event.objects.order_by("-pk")[0].data == {"order": 1}
    for sent_again in (*asked, {}):
        before = HookCall.objects.count()
        assert "was sent before" in operator.post(f"{at}replay/", sent_again, follow=True).content.decode()
        assert HookCall.objects.count() == before
    path = f"/admin/hooks/{hook.pk}/"
    assert "It is paused" in operator.post(f"{path}pause/", follow=True).content.decode()
    assert "No hook is like that" in operator.get("/admin/hooks/?state=active").content.decode()
    assert "taken again" in operator.post(f"{path}resume/", follow=True).content.decode()
    acts = AuditRecord.objects.filter(actor_label="operator").order_by("pk").values_list("verb", "object_kind")
    assert list(acts) == [("create", "event"), ("update", "hook"), ("update", "hook")]


def test_a_hook_that_does_not_work_any_more_is_paused(operator: Client, hook: Hook) -> None:
    Hook.objects.update(target="task", task=None, scheme="github", secret_name="gone")
    page = operator.post(f"/admin/hooks/{hook.pk}/pause/", follow=True).content.decode()
    assert "It is paused" in page and "a task that is gone" in page and Hook.objects.get().paused


def test_only_administrators_get_a_new_address(staff: Callable[[str], Client], hook: Hook) -> None:
    path = f"/admin/hooks/{hook.pk}/"
    administrator = staff("administrator")
    sent = {"number": number_in(administrator.get(path).content.decode(), "rotate")}
    answer = administrator.post(f"{path}rotate/", sent)
    assert "/hooks/hk_" in answer.content.decode() and "no-store" in answer.headers["Cache-Control"]
    digest = Hook.objects.get().digest
    assert digest != hook.digest
    assert "was sent before" in administrator.post(f"{path}rotate/", sent, follow=True).content.decode()
    assert Hook.objects.get().digest == digest
    for role in ("operator", "administrator"):
        shown = staff(role).get(path).content.decode()
        assert "hk_***" in shown and ("New address" in shown) == (role == "administrator")


def test_only_administrators_replace_a_secret(staff: Callable[[str], Client], flow: FlowRunner, settings: Any) -> None:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    flow.api.post("/hooks", {"name": "Signed", "target": TARGET, "scheme": "github"})
    path = f"/admin/hooks/{Hook.objects.get().pk}/"
    administrator = staff("administrator")
    page = administrator.get(path).content.decode()
    assert "New secret" in page and "the secret before, too" not in page
    assert "New secret" not in staff("operator").get(path).content.decode()
    sent = {"number": number_in(page, "rotate_secret"), "overlap": "3600"}
    answer = administrator.post(f"{path}rotate_secret/", sent)
    assert "whsec_" in answer.content.decode() and "an hour" in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    until = Hook.objects.get().previous_until
    assert "was sent before" in administrator.post(f"{path}rotate_secret/", sent, follow=True).content.decode()
    page = administrator.get(path).content.decode()
    assert Hook.objects.get().previous_until == until and "the secret before, too" in page and "whsec_" not in page


def test_an_event_says_what_went_on_with_it(operator: Client, viewer: Client, flow: FlowRunner) -> None:
    step = {"wait_for_event": {"name": "order.paid", "match": {"order": "A-7"}}}
    flow.time_passes = False
    task = flow.create({"name": "Ship", "main": [step]}).json()["id"]
    run, other = (flow.start(task, {}) for _ in range(2))
    made = flow.api.post("/events", {"name": "order.paid", "data": {"order": "A-7"}, "key": "<b>k"}).json()
    path = f"/admin/events/{made['id']}/"
    page = operator.get(path).content.decode()
    assert "yet to be looked at" in page and run["id"] in page and "main[0]" not in page
    handing_out.hand_out(UUID(made["id"]), flow.dispatcher)
    flow.settle(run["id"])
    page = operator.get(path).content.decode()
    assert "main[0]" in page and "handed out" in page and "A-7" in page and "<b>k" not in page
    takers = operator.get(f"{path}?format=json").json()["items"]
    assert {taker["execution_id"] for taker in takers} == {run["id"], other["id"]}
    assert takers[0]["task"] == "Ship"
    assert "A-7" not in viewer.get(path).content.decode()
    owner = f"developer={UUID(int=0)}"
    for query, found in (
        ("name=order.paid&key=<b>k&state=handed_out", 1),
        ("source=hook", 0),
        ("name=order", 0),
        (f"{owner}&name=order.paid&key=<b>k", 1),
        (f"{owner}&source=hook", 0),
        (f"{owner}&after={made['id']}", 0),
        (f"{owner}&after={uuid7()}", 1),
        (f"developer={uuid7()}", 0),
    ):
        assert len(operator.get(f"/admin/events/?format=json&{query}").json()["items"]) == found
    assert operator.get(f"/admin/events/{run['id']}/").status_code == 404
