"""Responses nobody waits for, and those whose server is gone."""

from types import SimpleNamespace
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from julep_project.core.clock import now
from julep_project.core.errors import ModelUnavailable, RateLimited
from julep_project.core.work import rings
from sessions.responses.answering import background
from sessions.responses.models import StoredResponse
from sessions.responses.rows import store
from tests.responses.conftest import ResponsesClient, events_of, text_of
from tests.responses.test_answers import WEATHER, calling
from tests.work.clock import pass_time


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ids of responses a worker was told of."""
    ids: list[Any] = []
    monkeypatch.setattr(rings, "ring", lambda task, response_id: ids.append(response_id))
    return ids


@pytest.fixture
def work(api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Does what a worker does with the message."""
    monkeypatch.setattr(background, "asyncio", SimpleNamespace(run=api.run))
    return background.answer_in_background


def make(api: ResponsesClient, **fields: Any) -> StoredResponse:
    body = api.create(background=True, **fields)
    assert (body["status"], body["output"], body["background"]) == ("queued", [], True)
    return StoredResponse.objects.get()


def let_leases_run_out() -> None:
    pass_time(StoredResponse, 1000)


def test_a_worker_answers(api: ResponsesClient, rung: list[Any], work: Any) -> None:
    with scripted_model([calling("weather", "{}"), "Sunny."]) as model:
        row = make(api, tools=[WEATHER], instructions="Be brief.", metadata={"a": "b"})
        assert rung == [row.pk]
        work(row.pk)
        work(row.pk)
        body = api.get(str(row.pk)).json()
        assert (body["status"], body["output"][0]["name"], body["metadata"]) == ("completed", "weather", {"a": "b"})
        result = {"type": "function_call_output", "call_id": "call_1", "output": "sun"}
        second = api.create(input=[result], previous_response_id=body["id"], tools=[WEATHER])
    assert text_of(second) == "Sunny."
    assert model.requests[0].messages[0] == {"role": "system", "content": "Be brief."}


def test_a_provider_that_wants_to_be_asked_later_uses_up_no_attempts(
    api: ResponsesClient, rung: list[Any], work: Any, settings: Any
) -> None:
    row = make(api)
    for _ in range(settings.MAX_ATTEMPTS + 2):
        with scripted_model([RateLimited("slow down", wait_s=100)]):
            work(row.pk)
        row.refresh_from_db()
        assert (row.status, row.body["status"], row.attempts) == ("queued", "queued", 0)
        assert (row.due_at - now()).total_seconds() > 90
        let_leases_run_out()
        store.QUEUED.ring_due()
    with scripted_model(["At last."]):
        work(row.pk)
    assert api.get(str(row.pk)).json()["status"] == "completed"


def test_a_failure_is_kept(api: ResponsesClient, rung: list[Any], work: Any) -> None:
    row = make(api)
    with scripted_model([ModelUnavailable("overloaded")]):
        work(row.pk)
    body = api.get(str(row.pk)).json()
    assert (body["status"], body["error"]["message"]) == ("failed", "overloaded")


def test_one_that_was_cancelled_is_not_answered(api: ResponsesClient, rung: list[Any], work: Any) -> None:
    row = make(api)
    assert api.send("POST", f"/responses/{row.pk}/cancel").json()["status"] == "cancelled"
    with scripted_model([]) as model:
        work(row.pk)
    assert model.requests == []
    assert api.get(str(row.pk)).json()["status"] == "cancelled"


def test_a_key_of_the_callers_own_cannot_wait(api: ResponsesClient, rung: list[Any]) -> None:
    body = {"model": "gpt-4o", "input": "Hi", "background": True}
    answer = api.send("POST", "/responses", body, **{"X-Custom-Api-Key": "sk-own"})
    assert (answer.status_code, "X-Custom-Api-Key" in answer.json()["error"]["message"]) == (400, True)
    assert not StoredResponse.objects.exists()


def test_the_sweep_rings_for_what_was_forgotten(
    api: ResponsesClient, rung: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    row = make(api)
    assert store.QUEUED.ring_due() == 0
    let_leases_run_out()
    with django_capture_on_commit_callbacks(execute=True):
        assert store.QUEUED.ring_due() == 1
    assert store.QUEUED.ring_due() == 0
    assert rung == [row.pk, row.pk]


def test_a_lost_worker_is_replaced_but_not_for_ever(
    api: ResponsesClient, rung: list[Any], work: Any, settings: Any
) -> None:
    settings.MAX_ATTEMPTS = 2
    row = make(api)
    for _ in range(2):
        assert store.claim_response(row.pk) is not None
        assert store.claim_response(row.pk) is None
        let_leases_run_out()
        assert store.QUEUED.ring_due() == 1
    work(row.pk)
    body = api.get(str(row.pk)).json()
    assert (body["status"], body["error"]["message"]) == ("failed", "none of its 2 attempts came to an end")


def test_a_stream_whose_server_is_gone_has_failed(api: ResponsesClient, rung: list[Any], work: Any) -> None:
    make(api)
    row = StoredResponse.objects.get()
    row.body = {**row.body, "status": "in_progress", "background": False}
    row.status = "in_progress"
    row.save()
    let_leases_run_out()

    assert store.QUEUED.ring_due() == 1
    work(rung[-1])

    body = api.get(str(row.pk)).json()
    assert (body["status"], body["error"]["code"]) == ("failed", "server_error")
    assert StoredResponse.objects.get().lease_until is None


def test_its_events_are_told_while_it_is_answered_elsewhere(api: ResponsesClient, rung: list[Any], work: Any) -> None:
    row = make(api)
    with scripted_model(["Done."]):
        work(row.pk)
    kinds = [event["type"] for event in events_of(api.get(str(row.pk), "?stream=true"))]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
