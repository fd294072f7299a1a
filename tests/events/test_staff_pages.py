"""What staff see of events and hooks."""

from typing import Any

from django.test import Client

from executions.events.models import Event
from executions.hooks.models import Hook, HookCall
from executions.models import EventWait
from tests.events.conftest import Events


def test_lists_and_rows(events: Events, admin_client: Client) -> None:
    events.start({"wait_for_event": {"name": "order.paid", "match": {"n": 1}}})
    events.record("order.sent", {"to": "<b>"}, "k")
    target = {"type": "event", "name": "order.paid", "data": "$ body"}
    made = events.api.post("/hooks", {"name": "Orders", "target": target, "scheme": "none"}).json()
    token = made["url"].rpartition("/")[2]
    assert Client().post(f"/hooks/{token}", {"n": 2}, content_type="application/json").status_code == 202
    models: list[Any] = [Event, EventWait, Hook, HookCall]
    for model in models:
        at = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        listed = admin_client.get(at)
        assert listed.status_code == 200
        shown = admin_client.get(f"{at}{model.objects.first().pk}/change/")
        assert shown.status_code == 200, model
        assert token not in shown.content.decode() and "Digest" not in shown.content.decode()
