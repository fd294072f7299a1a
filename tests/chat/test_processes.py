"""Chats on real server processes: two of them at once, one that is killed, and clients that leave."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.db.models.functions import Now

from agents.models import ModelUsage
from sessions.models import Entry, Turn
from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.chat.conftest import spoken
from tests.event_streams import events_of
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.streaming import Gate

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 20
# Needs no provider: a process that only uses this does not load the client library.
ECHO = "offline/echo"
_LONGEST_S = 60


@pytest.fixture
def clients(api_processes: list[Backend]) -> Iterator[list[httpx.Client]]:
    """One client for each server."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    opened = [httpx.Client(base_url=server.url, headers=headers, timeout=_LONGEST_S) for server in api_processes]
    yield opened
    for client in opened:
        client.close()


@pytest.fixture
def session(clients: list[httpx.Client], provider: ModelServer) -> str:
    """An empty session; the first process has loaded the client library, which takes seconds."""
    answer = clients[0].post("/agents", json={"name": "Ada", "model": "openai/loopback"})
    assert answer.status_code == 201, answer.text
    agent = answer.json()["id"]
    made = str(clients[0].post("/sessions", json={"agent": agent}).json()["id"])
    if not provider.chats:
        _chat(clients[0], made, "Are you awake?", save=False)
        ModelUsage.objects.all().delete()
        Turn.objects.all().delete()
    return made


def _chat(client: httpx.Client, session: str, text: str, **body: Any) -> httpx.Response:
    wanted = {"messages": [{"role": "user", "content": text}], "recall": False, **body}
    return client.post(f"/sessions/{session}/chat", json=wanted)


def _open(client: httpx.Client, session: str, text: str) -> Any:
    wanted = {"messages": [{"role": "user", "content": text}], "recall": False, "stream": True}
    return client.stream("POST", f"/sessions/{session}/chat", json=wanted)


def _first_event(response: httpx.Response) -> tuple[str, Iterator[str]]:
    """What was said first, and the blocks that follow; a server that is slow to begin sends comments before."""
    blocks = response.iter_text()
    return next(block for block in blocks if events_of(block)), blocks


def _said(session: str) -> list[str]:
    return list(Entry.objects.filter(session_id=session).order_by("seq").values_list("content", flat=True))


def _wait(condition: Callable[[], bool], server: Backend) -> None:
    wait_until(condition, _LONGEST_S, server)


def test_chats_on_two_processes_never_interleave(clients: list[httpx.Client], session: str) -> None:
    def send(number: int) -> int:
        return _chat(clients[number % 2], session, f"m{number}", model=ECHO, stream=number % 3 == 0).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert set(pool.map(send, range(AT_ONCE))) == {201}
    said = _said(session)
    assert said[::2] == said[1::2]
    assert sorted(said[::2]) == sorted(f"m{number}" for number in range(AT_ONCE))
    turns = Entry.objects.filter(session_id=session).order_by("seq").values_list("turn_id", flat=True)
    assert list(turns) == sorted(turns)


def test_the_first_piece_is_here_before_the_second_is_said(
    clients: list[httpx.Client], session: str, provider: ModelServer
) -> None:
    gate = Gate()
    provider.script(Streamed("first ", gate, "second"))
    with _open(clients[0], session, "Hi") as response:
        assert response.status_code == 201
        first, blocks = _first_event(response)
        assert spoken(events_of(first)) == "first "
        gate.open()
        assert spoken(events_of("".join(blocks))) == "second"


def test_a_client_that_leaves_hangs_up_on_the_provider(
    clients: list[httpx.Client], api_processes: list[Backend], session: str, provider: ModelServer
) -> None:
    said = Streamed.endless("first ")
    provider.script(said)
    with _open(clients[0], session, "Hi") as response:
        _first_event(response)
    assert said.gone.wait(_LONGEST_S)
    _wait(lambda: Turn.objects.filter(status="finished").exists(), api_processes[0])
    assert _said(session) == ["Hi", "first "]
    assert ModelUsage.objects.get().metadata["streaming"] is True


def test_a_client_that_leaves_an_ordinary_chat_leaves_no_trace(
    api_processes: list[Backend], session: str, provider: ModelServer
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def think(_: Any) -> str:
        asked.set()
        go_on.wait(_LONGEST_S)
        return "late"

    provider.script(think)
    address = urlsplit(api_processes[0].url)
    connection = HTTPConnection(str(address.hostname), address.port)
    body = json.dumps({"message": "Hi", "recall": False})
    connection.request("POST", f"/sessions/{session}/chat", body, {"Authorization": f"Bearer {API_KEY}"})
    assert asked.wait(_LONGEST_S)
    connection.close()
    _wait(lambda: Turn.objects.filter(status="cancelled").exists(), api_processes[0])
    go_on.set()
    assert _said(session) == []


def test_a_client_that_stays_without_reading_frees_the_session(
    clients: list[httpx.Client], api_processes: list[Backend], session: str, provider: ModelServer
) -> None:
    # More than the buffers between the two hold: each character is six bytes in JSON.
    said = Streamed(*["\x01" * 60_000] * 60, Gate())
    provider.script(said)
    address = urlsplit(api_processes[0].url)
    body = json.dumps({"message": "Hi", "recall": False, "stream": True}).encode()
    head = (
        f"POST /sessions/{session}/chat HTTP/1.1\r\nHost: {address.hostname}\r\n"
        f"Authorization: Bearer {API_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), address.port or 80)) as stalled:
        stalled.sendall(head.encode() + body)
        assert said.gone.wait(_LONGEST_S)
        _wait(lambda: Turn.objects.filter(status="finished").exists(), api_processes[0])
    asked, kept = _said(session)
    assert (asked, set(kept)) == ("Hi", {"\x01"})


def test_an_interruption_reaches_the_other_process(
    clients: list[httpx.Client], session: str, provider: ModelServer
) -> None:
    provider.script(Streamed.endless("first "))
    with _open(clients[0], session, "Hi") as response:
        _, blocks = _first_event(response)
        assert _chat(clients[1], session, "Stop", on_busy="interrupt", model=ECHO).status_code == 201
        (event,) = events_of("".join(blocks))
    assert event["error"]["code"] == "turn_interrupted"
    assert _said(session) == ["Hi", "first ", "Stop", "Stop"]


@pytest.mark.slow
def test_a_killed_process_frees_the_session(
    clients: list[httpx.Client], api_processes: list[Backend], session: str, provider: ModelServer
) -> None:
    provider.script(Streamed.endless("first "))
    with _open(clients[0], session, "Hi") as response:
        _first_event(response)
        api_processes[0].kill("api")
    try:
        # As long as the lease lasts, however long that was.
        Turn.objects.update(lease_until=Now() + timedelta(hours=1))
        assert _chat(clients[1], session, "Busy?", on_busy="reject", model=ECHO).status_code == 409
        Turn.objects.filter(status="running").update(lease_until=Now())
        assert _chat(clients[1], session, "Anyone?", model=ECHO).status_code == 201
    finally:
        api_processes[0].start("api")
    assert _said(session) == ["Anyone?", "Anyone?"]
    assert sorted(Turn.objects.values_list("status", flat=True)) == ["cancelled", "finished"]
