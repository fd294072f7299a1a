"""Event streams of runs. They read the database on connections of their own, so rows are committed here."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from executions import selectors, streams
from executions.models import Execution
from julep_project.core.live import reader as live_reader
from tests.api_client import API_KEY
from tests.event_streams import events_of
from tests.executions_api.conftest import MISSING
from tests.flow_runner import FlowRunner

pytestmark = pytest.mark.django_db(transaction=True)

TRANSITION_PATHS = ["transitions.stream", "transitions/stream"]
PATHS = [*TRANSITION_PATHS, "status.stream"]


def _open(path: str, *, key: str = API_KEY, accept: str = "*/*") -> Any:
    headers = {"Authorization": f"Bearer {key}", "Accept": accept, "Content-Type": "application/json"}
    return AsyncClient(raise_request_exception=False).get(path, headers=headers)


def _get(path: str, **options: Any) -> Any:
    """The answer, and the whole text of it if it is a stream."""

    async def read() -> Any:
        response = await _open(path, **options)
        text = b"".join([chunk async for chunk in response.streaming_content]) if response.streaming else b""
        return response, text.decode()

    return async_to_sync(read)()


@pytest.fixture
def ended(flow: FlowRunner, double: str) -> dict[str, Any]:
    """A run that has finished."""
    return flow.start(double, {"n": 4})


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "*/*"])
@pytest.mark.parametrize("path", PATHS)
def test_headers(ended: dict[str, Any], path: str, accept: str) -> None:
    response, text = _get(f"/executions/{ended['id']}/{path}", accept=accept)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert events_of(text)


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize("path", TRANSITION_PATHS)
# D30 D31
def test_the_whole_log_of_a_finished_run(flow: FlowRunner, ended: dict[str, Any], path: str, prefix: str) -> None:
    _, text = _get(f"{prefix}/executions/{ended['id']}/{path}")
    events = events_of(text)
    assert [event["transition"] for event in events] == flow.log(ended["id"])
    assert all(event.keys() == {"transition", "next_page_token"} for event in events)


def test_a_token_resumes_after_its_event(ended: dict[str, Any]) -> None:
    path = f"/executions/{ended['id']}/transitions.stream"
    events = events_of(_get(path)[1])
    for place, event in enumerate(events):
        _, text = _get(f"{path}?next_page_token={event['next_page_token']}")
        assert (events_of(text) if text else []) == events[place + 1 :]


def test_more_rows_than_one_page(flow: FlowRunner, ended: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_PAGE", 2)
    _, text = _get(f"/executions/{ended['id']}/transitions.stream")
    assert [event["transition"]["type"] for event in events_of(text)] == ["init", "step", "finish"]


@pytest.mark.parametrize("token", ["nonsense", "c2VxOg==", "%FF", "c2VxOmE="])
def test_a_token_that_is_none(ended: dict[str, Any], token: str) -> None:
    response, _ = _get(f"/executions/{ended['id']}/transitions.stream?next_page_token={token}")
    assert (response.status_code, response.json()["error"]["message"]) == (400, "next_page_token is not valid")


@pytest.mark.parametrize("seq", [10**12, -5])
def test_a_token_beyond_the_log(ended: dict[str, Any], seq: int) -> None:
    _, text = _get(f"/executions/{ended['id']}/transitions.stream?next_page_token={streams.page_token(seq)}")
    assert text.count("data: ") == (0 if seq > 0 else 3)


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_run_is_a_normal_answer(flow: FlowRunner, foreign_execution: Execution, path: str) -> None:
    for missing in (MISSING, foreign_execution.pk):
        response, _ = _get(f"/executions/{missing}/{path}", accept="text/event-stream")
        assert (response.status_code, response.headers["Content-Type"]) == (404, "application/json")
        assert response.json()["error"] == {
            "message": f"Execution {missing} not found",
            "code": "http_404",
            "type": "http_error",
        }
    assert _get(f"/executions/no-uuid/{path}")[0].status_code == 422


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_key(ended: dict[str, Any], path: str) -> None:
    response, _ = _get(f"/executions/{ended['id']}/{path}", key="wrong", accept="text/event-stream")
    assert (response.status_code, response.headers["Content-Type"]) == (403, "application/json")
    assert response.json()["error"]["message"] == "Could not validate API KEY"


@pytest.mark.parametrize("path", PATHS)
def test_streams_are_only_read(flow: FlowRunner, ended: dict[str, Any], path: str) -> None:
    response = flow.api.post(f"/executions/{ended['id']}/{path}", {})
    assert (response.status_code, response.json()["error"]["code"]) == (405, "http_405")


def test_status_of_a_finished_run(ended: dict[str, Any]) -> None:
    (event,) = events_of(_get(f"/executions/{ended['id']}/status.stream")[1])
    assert event == {
        "execution_id": ended["id"],
        "status": "succeeded",
        "updated_at": ended["updated_at"],
        "error": None,
        "transition_count": 3,
        "metadata": {},
    }


class _Reader(threading.Thread):
    """Reads a stream on an event loop of its own, as a client would."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self._path = path
        self.text = ""

    def run(self) -> None:
        asyncio.run(self._read())

    async def _read(self) -> None:
        response = await _open(self._path)
        async for chunk in response.streaming_content:
            self.text += chunk.decode()

    def wait_for(self, word: str) -> None:
        deadline = time.monotonic() + 60
        while word not in self.text:
            assert time.monotonic() < deadline, self.text
            time.sleep(0.01)

    def wait_for_end(self) -> list[dict[str, Any]]:
        self.join(60)
        assert not self.is_alive(), self.text
        return events_of(self.text)


def _follow(execution: dict[str, Any], path: str, last: str, act: Callable[[], Any]) -> list[dict[str, Any]]:
    """What a stream says from before the act to its end."""
    reader = _Reader(f"/executions/{execution['id']}/{path}")
    reader.start()
    reader.wait_for(last)
    act()
    return reader.wait_for_end()


def test_the_log_is_sent_as_it_is_written_and_the_stream_ends_with_the_run(  # D30
    flow: FlowRunner, waiting: dict[str, Any]
) -> None:
    events = _follow(waiting, "transitions.stream", '"wait"', lambda: flow.resume(waiting["id"], "Ada"))
    assert [event["transition"]["type"] for event in events] == ["init", "wait", "resume", "step", "finish"]
    assert events[-1]["transition"]["output"] == {"answer": "Ada"}
    assert events[1]["transition"]["metadata"]["task_token"]


def test_cancelling_ends_the_streams(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    def cancel() -> None:
        flow.api.put(f"/executions/{waiting['id']}", {"status": "cancelled", "reason": "enough"})

    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(_Reader.wait_for_end, _started(waiting))
        events = _follow(waiting, "transitions.stream", '"wait"', cancel)
        states = [event["status"] for event in status.result()]
    assert (events[-1]["transition"]["type"], events[-1]["transition"]["output"]) == ("cancelled", "enough")
    assert states == ["awaiting_input", "cancelled"]


def _started(execution: dict[str, Any]) -> _Reader:
    reader = _Reader(f"/executions/{execution['id']}/status.stream")
    reader.start()
    reader.wait_for("awaiting_input")
    return reader


def test_status_as_it_changes(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    events = _follow(waiting, "status.stream", "awaiting_input", lambda: flow.resume(waiting["id"], "Ada"))
    assert (events[0]["status"], events[-1]["status"]) == ("awaiting_input", "succeeded")
    counts = [event["transition_count"] for event in events]
    assert counts == sorted(set(counts))


def test_a_run_deleted_under_its_streams_ends_them(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    agent_id = flow.api.get(f"/tasks/{waiting['task_id']}").json()["agent_id"]
    events = _follow(waiting, "status.stream", "awaiting_input", lambda: flow.api.delete(f"/agents/{agent_id}"))
    assert [event["status"] for event in events] == ["awaiting_input"]


def test_a_quiet_stream_sends_comments(
    flow: FlowRunner, waiting: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reader, "_KEEP_ALIVE_S", 0.01)
    events = _follow(waiting, "transitions.stream", ": ping", lambda: flow.resume(waiting["id"], 1))
    assert len(events) == 5


@pytest.mark.parametrize("cutoff_kb", [0, 1])
def test_a_page_of_the_log_has_so_many_bytes(
    flow: FlowRunner, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cutoff_kb: int
) -> None:
    """Large outputs come in more pages, wherever they lie; together they are never in memory."""
    settings.MEDIA_ROOT, settings.BLOB_STORE_CUTOFF_KB = str(tmp_path), cutoff_kb
    steps = [{"evaluate": {"text": f"$ _.text[:-1] + '{number}'"}} for number in range(6)]
    task = flow.create({"main": steps}).json()["id"]
    execution = flow.start(task, {"text": "x" * 3000})["id"]
    monkeypatch.setattr(selectors, "_LARGEST_STREAM_PAGE_BYTES", 7000)
    pages: list[list[Any]] = []
    read_page = selectors.list_transitions_after

    def noting(*args: Any, **options: Any) -> Any:
        pages.append(read_page(*args, **options))
        return pages[-1]

    monkeypatch.setattr(selectors, "list_transitions_after", noting)
    _, text = _get(f"/executions/{execution}/transitions.stream")

    told = [event["transition"] for event in events_of(text)]
    assert told == flow.log(execution)
    assert len(told) > 6
    sizes = [[len(json.dumps(row.output)) for row in page] for page in pages]
    assert max(sum(page) - (page[-1] if page else 0) for page in sizes) < 7000
    assert max(map(sum, sizes)) < 7000 + 3100
    assert not pages[-1]
