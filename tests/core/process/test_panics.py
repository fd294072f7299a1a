"""What a library raises past `except Exception` ends neither a request, nor a run, nor a worker."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from celery import current_app

from agents.api.serializers import AgentBody
from julep_project.core.live.reader import Relay
from julep_project.core.process.panics import Panic, contained
from tasks.steps.kinds.evaluate import Evaluate
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner

# Only a failing test waits this long.
LONGEST_WAIT_S = 10


class RustPanic(BaseException):
    """As raised by extension modules."""


def _panic(*_: Any, **__: Any) -> Any:
    raise RustPanic("called `unwrap` on an error")


@pytest.mark.parametrize("order", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, LookupError])
def test_orders_to_end_and_errors_pass(order: type[BaseException]) -> None:
    with pytest.raises(order), contained():
        raise order


def test_the_cause_is_kept() -> None:
    with pytest.raises(Panic, match="RustPanic: called") as caught, contained():
        _panic()
    assert isinstance(caught.value.__cause__, RustPanic)


def test_a_request_is_answered(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AgentBody, "read", _panic)
    response = api.post("/agents", {"name": "a"})

    assert response.status_code == 500
    assert response.json() == {"error": {"message": "Internal server error", "code": "http_500", "type": "http_error"}}
    assert response.headers["x-should-retry"] == "false"


def test_an_async_request_is_answered(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.api.chat_views.ChatRequest.read", _panic)
    response = api.post("/sessions/00000000-0000-0000-0000-000000000001/chat", {"messages": []})

    assert (response.status_code, response.json()["error"]["code"]) == (500, "http_500")


def test_a_stream_ends_with_an_error() -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"a piece"
        _panic()

    async def read() -> list[bytes]:
        relay = Relay(events(), error_event=lambda error: type(error).__name__.encode())
        async with asyncio.timeout(LONGEST_WAIT_S):
            return [event async for event in relay]

    assert asyncio.run(read()) == [b"a piece", b"Panic"]


def test_a_step_fails(flow: FlowRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Evaluate, "start", _panic)
    task = flow.create({"name": "t", "main": [{"evaluate": {"a": "$ _"}}]}).json()
    execution = flow.start(task["id"], {})

    assert (execution["status"], execution["error"]) == ("failed", "internal error while running the step")


def test_a_message_fails_and_its_worker_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = current_app.tasks["executions.sweep"]
    monkeypatch.setattr(sweep, "run", _panic)

    result = sweep.apply()

    assert result.status == "FAILURE"
    assert isinstance(result.result, Panic)
