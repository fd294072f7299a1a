"""How messages reach a receiver: signed, in order, again when they do not arrive, and no further than allowed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from openai import OpenAI
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agents.audit.models import AuditRecord
from agents.models import Developer
from agents.webhooks import delivering
from agents.webhooks.models import Delivery, Endpoint
from agents.webhooks.recording import record
from agents.webhooks.rows import LEASES, ring_due_of
from agents.webhooks.standing import look_after
from agents.webhooks.types import EventType
from julep_project.core.database import execute, fetch
from julep_project.core.work import rings
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import ApiClient
from tests.webhooks.conftest import Make
from tests.webhooks.receiver import TAKEN, Receiver
from tests.webhooks.sending import send_due, send_later, states
from tests.work.clock import pass_time

RUN = UUID(int=1)
LOST = Reply(500, b"not now")


def database_now() -> datetime:
    [(moment,)] = fetch("SELECT now()")
    found: datetime = moment
    return found


def tell(developer: Developer, *types: EventType, subject: UUID = RUN) -> None:
    for type_ in types:
        record(developer.pk, type_, subject, {"id": str(subject)})


STARTED, SUCCEEDED = EventType.EXECUTION_STARTED, EventType.EXECUTION_SUCCEEDED


def test_both_libraries_know_the_signature(developer: Developer, webhook: Make, receiver: Receiver) -> None:
    secret = webhook("*")["secret"]
    tell(developer, STARTED)
    tell(developer, EventType.RESPONSE_COMPLETED, subject=UUID(int=2))
    send_due()
    message = receiver.verified(secret)[0]
    assert (message["object"], message["type"], message["data"]) == ("event", "execution.started", {"id": str(RUN)})
    request = receiver.requests[1]
    with OpenAI(api_key="none", webhook_secret=secret) as client:
        event = client.webhooks.unwrap(request.body.decode(), dict(request.headers))
    assert (event.type, event.data.id, event.object) == ("response.completed", str(UUID(int=2)), "event")
    assert event.id == request.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook("job.*")["secret"]).verify(request.body, dict(request.headers))


def test_the_messages_of_one_run_arrive_in_order_and_hold_up_no_other(
    developer: Developer, webhook: Make, receiver: Receiver
) -> None:
    webhook("*")
    receiver.answer(LOST, TAKEN)
    tell(developer, STARTED, SUCCEEDED)
    other = uuid4()
    tell(developer, STARTED, subject=other)
    send_due()
    assert [body["data"]["id"] for body in receiver.bodies] == [str(RUN), str(other)]
    assert states() == ["pending", "waiting", "delivered"]
    send_later(10)
    ours = [body["type"] for body in receiver.bodies if body["data"]["id"] == str(RUN)]
    assert ours == ["execution.started", "execution.started", "execution.succeeded"]
    assert states() == ["delivered"] * 3


def test_what_does_not_arrive_is_sent_again_until_its_time_is_over(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, settings: Any
) -> None:
    endpoint = webhook("*")["id"]
    receiver.answer(LOST)
    tell(developer, STARTED, SUCCEEDED)
    send_due()
    (row,) = Delivery.objects.filter(state="pending")
    assert (row.tries, row.status, row.error, row.excerpt) == (1, 500, "the receiver answered 500", "not now")
    for longest in (20, 80, 320, 1280, 5120, 20480, 6 * 3600, 6 * 3600):
        send_later(6 * 3600)
        row.refresh_from_db()
        assert longest / 2 - 1 < (row.due_at - database_now()).total_seconds() <= longest
    execute("UPDATE webhooks_delivery SET since = since - interval '72 hours'")
    receiver.answer(LOST, TAKEN)
    send_later(6 * 3600)
    assert states() == ["failed", "delivered"]
    (shown,) = api.get(f"/webhooks/{endpoint}/deliveries", {"state": "failed"}).json()["items"]
    assert (shown["state"], shown["tries"], shown["status"], len(shown["log"])) == ("failed", 10, 500, 10)
    assert len({request.headers["webhook-id"] for request in receiver.requests[:10]}) == 1


def test_what_a_receiver_asks_for_is_kept_to(developer: Developer, webhook: Make, receiver: Receiver) -> None:
    webhook("*")
    receiver.answer(Reply(429, b"", headers={"Retry-After": "600"}), TAKEN)
    tell(developer, STARTED)
    send_due()
    send_later(590)
    assert len(receiver.requests) == 1
    send_later(330)
    assert states() == ["delivered"]


def test_what_a_worker_left_behind_is_sent_again(developer: Developer, webhook: Make, receiver: Receiver) -> None:
    """It was killed between its claim and the answer, or between the answer and what it would have written."""
    webhook("*")
    tell(developer, STARTED, SUCCEEDED)
    (row,) = Delivery.objects.filter(state="pending")
    assert LEASES.claim(row.pk) is not None
    send_due_once = delivering.claim_next(developer.pk)
    assert send_due_once is None
    pass_time(Delivery, 60)
    send_due()
    assert receiver.types == ["execution.started", "execution.succeeded"]


def test_an_endpoint_is_sent_so_much_at_once(
    developer: Developer, webhook: Make, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_CONCURRENCY = 2
    slow, other = webhook("execution.started")["id"], webhook("execution.succeeded")["id"]
    for number in range(4):
        tell(developer, STARTED, subject=UUID(int=number + 10))
    tell(developer, SUCCEEDED, subject=UUID(int=20))
    held = [delivering.claim_next(developer.pk) for _ in range(4)]
    taken = [str(Delivery.objects.get(pk=one.key).endpoint_id) for one in held if one is not None]
    assert sorted(taken) == sorted([slow, slow, other])


def test_a_developer_is_sent_so_much_at_once_however_many_endpoints_and_events_there_are(
    developer: Developer, webhook: Make, receiver: Receiver, monkeypatch: Any
) -> None:
    for _ in range(3):
        webhook("*")
    for number in range(8):
        tell(developer, STARTED, subject=UUID(int=number + 10))
    held = [one for one in (delivering.claim_next(developer.pk) for _ in range(12)) if one is not None]
    assert len(held) == 2 * 4
    sent: list[Any] = []
    monkeypatch.setattr(rings, "ring", lambda task, *subjects: sent.extend(subjects))
    ring_due_of(developer.pk)
    assert sent == []
    LEASES.end(held[0], state="delivered")
    ring_due_of(developer.pk)
    assert len(sent) == 1 and delivering.claim_next(developer.pk) is not None


def test_the_secret_before_signs_until_its_time_is_over(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver
) -> None:
    made = webhook("*")
    rotated = api.post(f"/webhooks/{made['id']}/rotate_secret", {"overlap_seconds": 3600})
    assert rotated.status_code == 200 and rotated.headers["Cache-Control"] == "no-store"
    new = rotated.json()["secret"]
    tell(developer, STARTED)
    send_due()
    assert receiver.verified(made["secret"]) == receiver.verified(new) != []
    execute("UPDATE webhooks_endpoint SET previous_until = now() - interval '1 s'")
    tell(developer, SUCCEEDED)
    send_due()
    Webhook(new).verify(receiver.requests[1].body, dict(receiver.requests[1].headers))
    with pytest.raises(WebhookVerificationError):
        receiver.verified(made["secret"])
    assert made["secret"] not in str(list(Endpoint.objects.values()))


def test_what_fails_for_long_is_disabled_and_can_be_enabled_again(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_DISABLE_AFTER = 2
    path = f"/webhooks/{webhook('*')['id']}"
    receiver.answer(LOST)
    tell(developer, STARTED, SUCCEEDED)
    send_due()
    send_later(10)
    assert (api.get(path).json()["enabled"], api.get(path).json()["failures"]) == (True, 2)
    execute("UPDATE webhooks_endpoint SET failing_since = failing_since - interval '1 day'")
    send_later(100)
    shown = api.get(path).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "3 attempts in a row did not arrive")
    assert states() == ["dropped", "dropped"]
    act = AuditRecord.objects.filter(object_kind="webhook", verb="update").get()
    assert (act.actor_kind, act.after) == ("system", {"enabled": False, "reason": shown["disabled_reason"]})
    tell(developer, EventType.EXECUTION_FAILED, subject=UUID(int=5))
    assert len(states()) == 2
    assert api.post(f"{path}/test").status_code == 409
    receiver.answer(TAKEN)
    enabled = api.patch(path, {"enabled": True}).json()
    assert (enabled["enabled"], enabled["failures"], enabled["disabled_reason"]) == (True, 0, None)
    assert api.post(f"{path}/replay", {}).json() == {"replayed": 2, "is_more": False}
    assert states() == ["pending", "waiting"]
    send_due()
    assert receiver.types[-2:] == ["execution.started", "execution.succeeded"]
    assert states() == ["delivered", "delivered"]


def test_who_is_gone_is_sent_nothing_more(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver
) -> None:
    path = f"/webhooks/{webhook('*')['id']}"
    receiver.answer(Reply(410, b""))
    tell(developer, STARTED, SUCCEEDED)
    send_due()
    assert (states(), len(receiver.requests)) == (["failed", "dropped"], 1)
    assert api.get(path).json()["disabled_reason"] == "the receiver answered 410: it is gone"


def test_a_failure_that_was_long_ago_counts_no_more(developer: Developer, webhook: Make, receiver: Receiver) -> None:
    webhook("*")
    receiver.answer(LOST, TAKEN)
    tell(developer, STARTED)
    send_due()
    assert Endpoint.objects.get().failures == 1
    send_later(10)
    assert (Endpoint.objects.get().failures, Endpoint.objects.get().failing_since) == (0, None)


def _leads_inside(request: RecordedRequest) -> Reply:
    return Reply(302, b"", headers={"Location": "/elsewhere"})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (_leads_inside, "the receiver answered 302"),
        (Reply(200, b"x" * 300_000), "the answer has more than 262144 bytes"),
        (Reply(200, b"", delay_s=3.0), "no complete answer from"),
    ],
    ids=["redirect", "large", "slow"],
)
def test_answers_that_count_as_none(
    developer: Developer, webhook: Make, receiver: Receiver, settings: Any, reply: Any, error: str
) -> None:
    settings.WEBHOOK_TIMEOUT_S = 0.3
    webhook("*")
    receiver.answer(reply)
    tell(developer, STARTED)
    send_due()
    assert Delivery.objects.get().error.startswith(error)
    assert len(receiver.requests) == 1


def test_no_private_address_is_reached(developer: Developer, webhook: Make, receiver: Receiver, settings: Any) -> None:
    webhook("*")
    settings.JULEP_HTTP_ALLOW = []
    tell(developer, STARTED)
    send_due()
    assert receiver.requests == []
    assert "is not on the public internet" in Delivery.objects.get().error


def test_more_than_may_wait_is_dropped_and_told(
    api: ApiClient, developer: Developer, webhook: Make, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_PENDING_MAX = 2
    path = f"/webhooks/{webhook('*')['id']}"
    for number in range(3):
        tell(developer, STARTED, subject=UUID(int=number + 10))
    assert look_after() == 1
    assert api.get(path).json()["is_full"] is True
    tell(developer, STARTED, subject=UUID(int=20))
    assert states() == ["pending", "pending", "pending", "dropped"]
    (shown,) = api.get(f"{path}/deliveries", {"state": "dropped"}).json()["items"]
    assert shown["error"] == "too many messages were waiting"
    send_due()
    assert look_after() == 1
    assert api.get(path).json()["is_full"] is False


def test_what_waits_behind_nothing_goes_on(developer: Developer, webhook: Make) -> None:
    webhook("*")
    tell(developer, STARTED, SUCCEEDED)
    execute("UPDATE webhooks_delivery SET state = 'delivered' WHERE state = 'pending'")
    assert look_after() == 1
    assert states() == ["delivered", "pending"]


def test_what_waited_for_long_is_tried_for_as_long_as_any_other(
    developer: Developer, webhook: Make, receiver: Receiver
) -> None:
    webhook("job.*")
    for _ in range(2):
        record(developer.pk, EventType.JOB_FAILED, UUID(int=1), {})
    execute("UPDATE webhooks_delivery SET since = since - interval '100 hours' WHERE state = 'waiting'")
    send_due()
    assert states() == ["delivered"] * 2
    assert Delivery.objects.latest("message_id").since > database_now() - timedelta(hours=1)
