"""Webhooks over HTTP."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Developer
from agents.webhooks.models import Delivery
from agents.webhooks.recording import record
from agents.webhooks.types import EventType
from tests.api_client import ApiClient
from tests.webhooks.conftest import Make
from tests.webhooks.receiver import TAKEN, Receiver
from tests.webhooks.sending import send_due, states

URL = "https://example.com/told"


def test_a_webhook_is_made_shown_changed_and_removed(api: ApiClient, webhook: Make) -> None:
    made = webhook("execution.*", url=URL, description="ours")
    secret, path = made.pop("secret"), f"/webhooks/{made['id']}"
    assert secret.startswith("whsec_")
    assert {name: made[name] for name in ("url", "description", "events", "enabled", "failures", "is_full")} == {
        "url": URL, "description": "ours", "events": ["execution.*"], "enabled": True, "failures": 0, "is_full": False,
    }  # fmt: skip
    made.pop("jobs")
    assert api.get(path).json() == made
    assert api.get("/webhooks").json() == {"items": [made]}
    changed = api.patch(path, {"events": ["job.failed"], "enabled": False}).json()
    assert (changed["events"], changed["enabled"], changed["url"]) == (["job.failed"], False, URL)
    assert changed["disabled_reason"] == "somebody disabled it"
    replaced = api.put(path, {"url": URL, "events": ["*"]}).json()
    assert (replaced["description"], replaced["enabled"], replaced["disabled_reason"]) == ("", True, None)
    assert api.post(f"{path}/test").status_code == 202
    assert api.delete(path).status_code == 202
    assert Delivery.objects.count() == 0
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"events": ["*"]}, "Field required"),
        ({"url": URL}, "Field required"),
        ({"url": "ftp://example.com", "events": ["*"]}, "the URL must start with http:// or https://"),
        ({"url": "https://u:p@example.com", "events": ["*"]}, "the URL must not hold a user or a password"),
        ({"url": "http://10.0.0.1/x", "events": ["*"]}, "10.0.0.1 is not on the public internet"),
        ({"url": "http://[::1]:80/x", "events": ["*"]}, "is not on the public internet"),
        ({"url": URL, "events": []}, "List should have at least 1 item"),
        ({"url": URL, "events": ["execution.ended"]}, "Input should be one of"),
        ({"url": URL, "events": ["exec*"]}, "Input should be one of"),
    ],
)
def test_what_cannot_be_is_refused(api: ApiClient, receiver: Receiver, body: Any, told: str) -> None:
    answer = api.post("/webhooks", body)
    assert answer.status_code == 422
    assert told in str(answer.json())


def test_what_cannot_be_reached_is_told_how_it_can_be(api: ApiClient) -> None:
    answer = api.post("/webhooks", {"url": "http://10.0.0.1/x", "events": ["*"]})
    (told,) = answer.json()["error"]["details"]
    assert told["type"] == "value_error"
    assert told["fix"] == "Use an address on the public internet, or have the operator permit it in JULEP_HTTP_ALLOW"


def test_there_are_so_many_at_most(api: ApiClient, webhook: Make, settings: Any) -> None:
    settings.WEBHOOK_ENDPOINTS = 1
    webhook("*", url=URL)
    refused = api.post("/webhooks", {"url": URL, "events": ["*"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many_webhooks")


def test_deliveries_are_found_by_state_and_type(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver
) -> None:
    path = f"/webhooks/{webhook('*')['id']}/deliveries"
    record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {"id": "1"})
    send_due()
    record(developer.pk, EventType.JOB_SUCCEEDED, UUID(int=2), {"id": "2"})
    assert {each["type"] for each in api.get(path).json()["items"]} == {"job.succeeded", "job.failed"}
    (sent,) = api.get(path, {"state": "delivered"}).json()["items"]
    (waits,) = api.get(path, {"type": "job.succeeded"}).json()["items"]
    assert (sent["status"], sent["tries"], sent["next_at"], sent["data"]) == (204, 1, None, {"id": "1"})
    assert (waits["state"], waits["status"], waits["log"]) == ("pending", None, []) and waits["next_at"]
    assert api.get(f"{path}/{sent['id']}").json() == sent
    assert sent["message_id"] == receiver.bodies[0]["id"]
    assert api.get(path, {"state": "lost"}).status_code == 422
    assert api.get(path, {"type": "job.lost"}).status_code == 422
    newest_first = [row["id"] for row in api.get(path).json()["items"]]
    by_change = api.get(path, {"sort_by": "updated_at", "direction": "asc"}).json()["items"]
    assert [row["id"] for row in by_change] == newest_first[::-1]


def test_a_page_costs_the_same_however_long_it_is(api: ApiClient, developer: Developer, webhook: Make) -> None:
    path = f"/webhooks/{webhook('*')['id']}/deliveries"

    def statements() -> int:
        record(developer.pk, EventType.JOB_FAILED, uuid4(), {})
        with CaptureQueriesContext(connection) as sent:
            assert api.get(path).status_code == 200
        return len(sent)

    assert statements() == statements()


def test_only_what_has_ended_is_sent_again(api: ApiClient, developer: Developer, webhook: Make) -> None:
    path = f"/webhooks/{webhook('*')['id']}"
    record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    (row,) = Delivery.objects.all()
    refused = api.post(f"{path}/deliveries/{row.pk}/replay")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "delivery_not_ended")
    assert api.post(f"{path}/deliveries/{uuid4()}/replay").status_code == 404
    api.patch(path, {"enabled": False})
    assert states() == ["dropped"]
    refused = api.post(f"{path}/deliveries/{row.pk}/replay")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "webhook_disabled")


def test_a_range_is_sent_again_the_oldest_first(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.webhooks.replaying.MOST_AT_ONCE", 2)
    path = f"/webhooks/{webhook('*')['id']}"
    receiver.answer(TAKEN)
    for number in range(3):
        record(developer.pk, EventType.JOB_FAILED, UUID(int=number), {"id": str(number)})
    send_due()
    assert api.post(f"{path}/replay", {}).json() == {"replayed": 0, "is_more": False}
    first = api.post(f"{path}/replay", {"states": ["delivered"], "since": "2020-01-01T00:00:00Z"}).json()
    assert first == {"replayed": 2, "is_more": True}
    before = {"states": ["delivered"], "until": "2020-01-01T00:00:00Z"}
    assert api.post(f"{path}/replay", before).json()["replayed"] == 0
    send_due()
    assert [body["data"]["id"] for body in receiver.bodies] == ["0", "1", "2", "0", "1"]
    assert len({body["id"] for body in receiver.bodies}) == 3
