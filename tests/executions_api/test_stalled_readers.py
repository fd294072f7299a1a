"""Clients that open an event stream of a run and then do not read it are given up, and their connections closed."""

import asyncio
import json
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from executions import streams
from executions.announcements import topic
from executions.models import Execution
from julep_project.core.database import run_query
from julep_project.core.live import reader
from julep_project.core.live.events import HUB
from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.event_streams import events_of
from tests.executions_api.test_streams import _open
from tests.flow_runner import FlowRunner

pytestmark = pytest.mark.django_db(transaction=True)

GIVEN_UP = {
    "message": "The client did not read what was said to it, and the answer was stopped.",
    "code": "reader_too_slow",
    "type": "http_error",
    "should_retry": False,
}
LONGEST_WAIT_S = 60
STEPS, STEP_BYTES = 100, 200_000


class TestWhatItIsTold:
    @pytest.fixture(autouse=True)
    def few_events_behind(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "_BEHIND", 1)
        monkeypatch.setattr(streams, "_POLL_S", 0.01)
        settings.CHAT_READER_TIMEOUT_S = 0.05

    def test_of_the_log(self, flow: FlowRunner, waiting: dict[str, Any]) -> None:
        flow.resume(waiting["id"], "Ada")
        first, last = _stalled(waiting["id"], "transitions.stream")
        assert first["transition"]["type"] == "init"
        assert last == {"error": GIVEN_UP}

    def test_of_the_status(self, flow: FlowRunner, waiting: dict[str, Any]) -> None:
        first, last = _stalled(waiting["id"], "status.stream", change=partial(_count_one_more, waiting["id"]))
        assert first["status"] == "awaiting_input"
        assert last == {"error": GIVEN_UP}


def _stalled(execution_id: str, path: str, change: Any = None) -> list[dict[str, Any]]:
    """What a client gets that reads one event, and the rest only when nobody tells it anything any more."""
    read = asyncio.run(_stalled_after_one(execution_id, path, change))
    return events_of(read)


async def _stalled_after_one(execution_id: str, path: str, change: Any) -> str:
    response = await _open(f"/executions/{execution_id}/{path}")
    blocks = aiter(response.streaming_content)
    first = await anext(blocks)
    async with asyncio.timeout(LONGEST_WAIT_S):
        while topic(execution_id) in HUB._listeners:
            if change is not None:
                await run_query(change)
            await asyncio.sleep(0.01)
        return (first + b"".join([block async for block in blocks])).decode()


def _count_one_more(execution_id: str) -> None:
    execution = Execution.objects.get(pk=execution_id)
    Execution.objects.filter(pk=execution_id).update(transition_count=execution.transition_count + 1)


def test_a_connection_that_is_not_read_is_closed(flow: FlowRunner, api_processes: list[Backend]) -> None:
    server = api_processes[0]
    step = {"foreach": {"in": f"$ range({STEPS})", "do": {"evaluate": {"text": f"$ 'x' * {STEP_BYTES}"}}}}
    run = flow.start(flow.create({"main": [step]}).json()["id"], {})["id"]

    with socket.create_connection(("127.0.0.1", server.port), timeout=LONGEST_WAIT_S) as client:
        client.sendall(
            f"GET /executions/{run}/transitions.stream HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {API_KEY}\r\n\r\n".encode()
        )
        read = client.recv(1000)
        assert b" 200 " in read.splitlines()[0]
        _wait_until_ended(server, client)
        # The system may have ended it by now, and says so when the rest was read.
        with suppress(ConnectionResetError):
            while piece := client.recv(1024 * 1024):
                read += piece
    # Neither the log nor the answer came to its end.
    assert len(read) < STEPS * STEP_BYTES
    assert not read.endswith(b"\r\n0\r\n\r\n")
    assert json.loads(_get(server, "/livez"))["status"] == "ok"


def test_an_answer_that_is_not_read_is_not_kept(flow: FlowRunner, api_processes: list[Backend]) -> None:
    """Neither by this server nor by the one in front, which takes it as a whole."""
    server = api_processes[0]
    run = flow.start(flow.create({"main": [{"evaluate": {"text": "$ ['x' * 900000] * 7"}}]}).json()["id"], {})["id"]
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        head = f"GET /executions/{run} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(10) == b"HTTP/1.1 2"
        _wait_until_ended(server, client)


def _wait_until_ended(server: Backend, client: socket.socket) -> None:
    """By the server or by the system, whichever comes first."""
    open_end = f"{_in_hex(server.port)} {_in_hex(client.getsockname()[1])} 01"
    wait_until(lambda: open_end not in _connections(), LONGEST_WAIT_S, server)


def _connections() -> str:
    """Those of this machine, each with its ports here and there and its state."""
    listed = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return "\n".join(f"{here.split(':')[1]} {there.split(':')[1]} {state}" for here, there, state in listed)


def _in_hex(port: int) -> str:
    return f"{port:04X}"


def _get(server: Backend, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONGEST_WAIT_S) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer.partition(b"\r\n\r\n")[2]
