"""What endpoints are told of, in the transaction of what has happened."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from agents.models import Developer
from agents.webhooks.models import Delivery, Message
from agents.webhooks.recording import record
from agents.webhooks.rows import DELIVER
from agents.webhooks.types import EventType
from julep_project.core.work import rings
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner
from tests.webhooks.conftest import Make

LIGHT = {"main": [{"evaluate": {"a": "$ 1"}}]}
ASK = {"main": [{"wait_for_input": {"info": {"q": "$ 1"}}}, {"evaluate": {"a": "$ 1"}}]}
LOOK = {
    "name": "look",
    "type": "api_call",
    "approval": "always",
    "api_call": {"method": "GET", "url": "https://example.com"},
}
CAREFUL = {"tools": [LOOK], "main": [{"tool": "look", "arguments": {}}]}
BROKEN = {"main": [{"evaluate": {"a": "$ 1 / 0"}}]}


def told(*, of: str | None = None) -> list[str]:
    rows = Message.objects.order_by("number")
    return [row.type for row in rows if of is None or str(row.subject_id) == of]


def begin(flow: FlowRunner, program: Any, **fields: Any) -> dict[str, Any]:
    return flow.start(flow.create(program).json()["id"], {}, **fields)


def test_of_a_run_that_succeeds_with_its_metadata(flow: FlowRunner, webhook: Make) -> None:
    webhook("execution.*")
    run = begin(flow, LIGHT, metadata={"order": 7})
    assert told() == ["execution.started", "execution.succeeded"]
    data = Message.objects.latest("number").data
    assert {name: data[name] for name in ("id", "status", "task_id", "metadata")} == {
        "id": run["id"], "status": "succeeded", "task_id": run["task_id"], "metadata": {"order": 7},
    }  # fmt: skip
    assert "output" not in data and "input" not in data


def test_of_runs_that_wait_fail_and_are_cancelled(flow: FlowRunner, webhook: Make) -> None:
    webhook("execution.*")
    asked = begin(flow, ASK)
    flow.resume(asked["id"], {"a": 1})
    assert told(of=asked["id"]) == ["execution.started", "execution.requires_action", "execution.succeeded"]
    broken = begin(flow, BROKEN)
    assert told(of=broken["id"]) == ["execution.started", "execution.failed"]
    assert Message.objects.latest("number").data["error_type"]
    cancelled = begin(flow, ASK)
    flow.cancel(cancelled["id"])
    assert told(of=cancelled["id"])[-1] == "execution.cancelled"


def test_a_wait_for_an_event_asks_nobody(flow: FlowRunner, webhook: Make) -> None:
    webhook("execution.*")
    flow.time_passes = False
    await_event = {"wait_for_event": {"name": "paid"}}
    awaited = begin(flow, {"main": [await_event]})
    assert (awaited["status"], told(of=awaited["id"])) == ("awaiting_input", ["execution.started"])
    both = begin(flow, {"main": [{"parallel": [ASK["main"][0], await_event]}]})
    assert told(of=both["id"]) == ["execution.started", "execution.requires_action"]


def test_large_metadata_are_left_out(flow: FlowRunner, webhook: Make) -> None:
    webhook("execution.succeeded")
    begin(flow, LIGHT, metadata={"a": "x" * 5000})
    assert "metadata" not in Message.objects.get().data


def test_of_messages_of_a_session(api: ApiClient, webhook: Make, agent: Any) -> None:
    webhook("session.message")
    session = api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    entry = api.post(f"/sessions/{session}/messages", {"role": "user", "content": "secret words"}).json()
    message = Message.objects.get()
    assert (str(message.subject_id), message.data["session_id"], message.data["role"]) == (session, session, "user")
    assert message.data["id"] == entry["id"]
    assert "secret words" not in str(message.data)


def test_what_is_rolled_back_has_not_happened(developer: Developer, webhook: Make) -> None:
    webhook("*")
    with transaction.atomic():
        record(developer.pk, EventType.SCHEDULE_PAUSED, UUID(int=1), {"id": "1"})
        transaction.set_rollback(True)
    assert told() == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [(["*"], 2), (["execution.*"], 1), (["job.failed"], 1), (["job.succeeded"], 0), (["job.*", "execution.failed"], 2)],
)
def test_endpoints_are_told_what_they_ask_for(
    developer: Developer, stranger: Developer, webhook: Make, events: list[str], expected: int
) -> None:
    webhook(*events)
    record(developer.pk, EventType.EXECUTION_FAILED, uuid4(), {})
    record(developer.pk, EventType.JOB_FAILED, uuid4(), {})
    record(stranger.pk, EventType.JOB_FAILED, uuid4(), {})
    assert Delivery.objects.count() == expected


def test_nobody_is_told_of_others_or_of_what_was_before(flow: FlowRunner, webhook: Make) -> None:
    begin(flow, LIGHT)
    assert told() == []
    webhook("job.*")
    begin(flow, LIGHT)
    assert told() == []


@pytest.mark.parametrize("program", [LIGHT, ASK, CAREFUL], ids=["ends", "waits", "waits for leave"])
@pytest.mark.parametrize("is_asked", [True, False])
def test_a_run_that_ends_or_waits_is_rung_for(
    flow: FlowRunner,
    webhook: Make,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    program: Any,
    is_asked: bool,
) -> None:
    """By the worker that has committed it; where nobody has a webhook, nobody is."""
    if is_asked:
        webhook("*")
    rung: list[str] = []
    monkeypatch.setattr(rings, "ring", lambda task, *ids: rung.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        begin(flow, program)
    assert (DELIVER in rung) == is_asked
