"""Responses and completions that clients send again with the same `Idempotency-Key`."""

from typing import Any

import pytest

from agents.models import ModelUsage
from julep_project.core.idempotency import rows
from julep_project.core.idempotency.models import IdempotencyKey
from sessions.responses.models import StoredResponse
from tests.loopback.model_server import ModelServer, failure
from tests.responses.conftest import ResponsesClient, events_of

KEY = {"Idempotency-Key": "k1"}
BODY = {"model": "gpt-4o", "input": "Hi"}
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}


def post(client: ResponsesClient, path: str = "/responses", **body: Any) -> Any:
    return client.send("POST", path, body, **KEY)


def told(answer: Any) -> str:
    """All that was streamed."""
    text: str = answer.told if answer.streaming else answer.content.decode()
    return text


@pytest.mark.parametrize("store", [True, False])
def test_a_response_is_answered_once(live_api: ResponsesClient, model_server: ModelServer, store: bool) -> None:
    model_server.script("Hello")
    first, second = (post(live_api, **BODY, store=store) for _ in range(2))
    assert first.json() == second.json()
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (200, "true")
    assert StoredResponse.objects.count() == int(store)
    assert post(live_api, **BODY, temperature=1).status_code == 409


def test_a_response_in_the_background_is_begun_once(live_api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.responses.rows.store.QUEUED.ring", lambda _: None)
    first, second = (post(live_api, **BODY, background=True) for _ in range(2))
    assert (first.json()["status"], second.json()) == ("queued", first.json())
    assert StoredResponse.objects.count() == 1


@pytest.mark.parametrize("store", [True, False])
def test_a_stream_is_told_again(live_api: ResponsesClient, model_server: ModelServer, store: bool) -> None:
    model_server.script("Hello dear")
    first, second = (post(live_api, **BODY, stream=True, store=store) for _ in range(2))
    assert told(first) == told(second)
    assert events_of(first)[-1]["type"] == "response.completed"
    assert StoredResponse.objects.count() == int(store)


@pytest.mark.parametrize("stream", [False, True])
def test_a_process_that_was_lost_after_the_work(
    live_api: ResponsesClient, model_server: ModelServer, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_server.script("Hello")
    with monkeypatch.context() as patch:
        patch.setattr(rows.LEASES, "end", lambda *_, **__: 0)
        first = post(live_api, **BODY, stream=stream)
    assert post(live_api, **BODY, stream=stream).status_code == 409
    IdempotencyKey.objects.update(lease_until="2000-01-01T00:00:00Z")
    again = post(live_api, **BODY, stream=stream)
    last = (lambda answer: events_of(answer)[-1]["response"]) if stream else (lambda answer: answer.json())
    assert last(again) == last(first)
    assert StoredResponse.objects.count() == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_failed_runs_again(live_api: ResponsesClient, model_server: ModelServer, stream: bool) -> None:
    model_server.script(failure(400, "no"), "Hello")
    post(live_api, **BODY, stream=stream)
    second = post(live_api, **BODY, stream=stream)
    assert (events_of(second)[-1]["response"] if stream else second.json())["status"] == "completed"
    assert list(StoredResponse.objects.order_by("created_at").values_list("status", flat=True)) == [
        "failed",
        "completed",
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_completions_are_asked_for_once(live_api: ResponsesClient, model_server: ModelServer, stream: bool) -> None:
    model_server.script("Hello dear")
    first, second = (post(live_api, "/v1/chat/completions", **CHAT, stream=stream) for _ in range(2))
    assert told(first) == told(second)
    assert (first.status_code, second.status_code) == (200, 200)
    assert ModelUsage.objects.count() == 1


def test_a_long_completion_is_not_kept(
    live_api: ResponsesClient, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("julep_project.core.api.idempotency._LARGEST_STREAM", 10)
    model_server.script("Hello dear")
    assert told(post(live_api, "/v1/chat/completions", **CHAT, stream=True)).endswith("[DONE]\n\n")
    second = post(live_api, "/v1/chat/completions", **CHAT, stream=True)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_answer_not_kept")
    assert second.headers["x-should-retry"] == "false"


def test_embeddings(live_api: ResponsesClient) -> None:
    body = {"model": "offline/hashing", "input": "Ebb"}
    first, second = (post(live_api, "/v1/embeddings", **body) for _ in range(2))
    assert first.json() == second.json()
    assert ModelUsage.objects.count() == 1
