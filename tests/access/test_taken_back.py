"""Who is let in by real server processes: what is taken back on one is refused by another within five seconds, in open
streams too, and headers are read as they come over a wire."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest

from agents.access.developers import make_developer
from agents.access.models import ApiKey
from agents.access.services import create_key
from agents.models import Developer
from sessions.responses.models import StoredResponse
from tests.access.test_tokens import REFUSED
from tests.access.tokens import SHARED, claims, shared
from tests.api_client import API_KEY
from tests.backend import Backend
from tests.loopback.model_server import ModelServer, Streamed

pytestmark = pytest.mark.django_db(transaction=True)

# As a promise it is five seconds; a busy machine keeps it later.
PATIENCE_S = 60.0
GONE = "Session or something it refers to does not exist"
MODEL = "openai/loopback"
WAITING = {"name": "w", "main": [{"wait_for_input": {"info": "?"}}]}


@pytest.fixture
def servers(transactional_db: None, api_processes: list[Backend]) -> Iterator[list[httpx.Client]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    clients = [httpx.Client(base_url=each.url, headers=headers, trust_env=False, timeout=30) for each in api_processes]
    yield clients
    for client in clients:
        client.close()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


class Caller:
    """A developer of its own, with a key that is taken back and one to look on with."""

    def __init__(self, server: httpx.Client, provider: ModelServer) -> None:
        self.developer_id = uuid4()
        make_developer(self.developer_id, "")
        developer = Developer.objects.get(pk=self.developer_id)
        (self.row, self.key), (_, self.other) = (
            create_key(developer=developer, values={"label": "k"}) for _ in range(2)
        )
        self._server = server
        self._provider = provider
        self.heard: list[Streamed] = []

    def paths_of_a_run(self) -> list[str]:
        """Streams of a run that nobody works at: they stay open."""
        task = self._make(f"/agents/{self.agent()}/tasks", WAITING)
        run = self._make(f"/tasks/{task}/executions", {"input": {}})
        return [f"/executions/{run}/transitions.stream", f"/executions/{run}/status.stream"]

    def paths_of_models(self) -> list[tuple[str, Any]]:
        """Streams of answers that do not end."""
        session = self._make("/sessions", {"agent": self.agent()})
        messages = [{"role": "user", "content": "Hi"}]
        self.heard = [Streamed.endless("Once ") for _ in range(4)]
        self._provider.script(*self.heard)
        return [
            (f"/sessions/{session}/chat", {"messages": messages, "recall": False}),
            ("/responses", {"input": "Hi"}),
            ("/v1/chat/completions", {"messages": messages}),
            ("/v1/messages", {"messages": messages, "max_tokens": 9}),
        ]

    def agent(self) -> str:
        return self._make("/agents", {"name": "A", "model": MODEL})

    def _make(self, path: str, body: Any) -> str:
        answer = self._server.post(path, json=body, headers=bearer(self.other))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


class Listener:
    """Reads a stream to its end in a thread of its own."""

    def __init__(self, pool: Executor, client: httpx.Client, key: str, path: str, body: Any = None) -> None:
        self.path = path
        self._is_open = Event()
        self._end = pool.submit(self._read, client, key, body)

    def wait_until_open(self) -> None:
        while not self._is_open.wait(0.05):
            assert not self._end.done(), self._end.result()

    def end(self) -> Any:
        """What the stream ends with."""
        return self._end.result(timeout=PATIENCE_S)

    def _read(self, client: httpx.Client, key: str, body: Any) -> Any:
        method = "GET" if body is None else "POST"
        asked = None if body is None else {"model": MODEL, "stream": True, **body}
        with client.stream(method, self.path, headers=bearer(key), json=asked) as answer:
            assert answer.is_success, answer.read()
            self._is_open.set()
            lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
        return json.loads([line for line in lines if line != "[DONE]"][-1])


def message_of(event: Any) -> Any:
    """Of an error, in each of the forms of events."""
    return event.get("error", event)["message"]


def is_an_end(event: Any) -> bool:
    """An error that tells no fault of the server, or a response that was cancelled."""
    if event.get("type") == "response.incomplete":
        return bool(event["response"]["status"] == "cancelled")
    return message_of(event) in (REFUSED["error"]["message"], GONE)


def until_refused(client: httpx.Client, key: str) -> httpx.Response:
    deadline = time.monotonic() + PATIENCE_S
    while (answer := client.get("/agents", headers=bearer(key))).status_code == 200:
        assert time.monotonic() < deadline, "still let in"
        time.sleep(0.1)
    return answer


def revoke(client: httpx.Client, caller: Caller) -> Any:
    assert client.delete(f"/api_keys/{caller.row.pk}", headers=bearer(caller.other)).status_code == 202
    return REFUSED


def expire(client: httpx.Client, caller: Caller) -> Any:
    """As if its time had come."""
    ApiKey.objects.filter(pk=caller.row.pk).update(expires_at="2020-01-01T00:00Z")
    return REFUSED


def switch_off(client: httpx.Client, caller: Caller) -> Any:
    Developer.objects.filter(pk=caller.developer_id).update(active=False)
    return {"error": {"message": "Invalid user account", "code": "invalid_user_account", "type": "http_error"}}


def delete_developer(client: httpx.Client, caller: Caller) -> Any:
    """Its keys go with it."""
    Developer.objects.get(pk=caller.developer_id).delete()
    return REFUSED


@pytest.mark.parametrize("take_back", [revoke, expire, switch_off, delete_developer])
def test_taken_back(servers: list[httpx.Client], provider: ModelServer, take_back: Any) -> None:
    """Streams of runs on both processes; of models on the one that has loaded their library."""
    here, there = servers
    caller = Caller(here, provider)
    assert there.get("/agents", headers=bearer(caller.key)).status_code == 200
    with ThreadPoolExecutor(9) as pool:
        streams = [Listener(pool, client, caller.key, path) for path in caller.paths_of_a_run() for client in servers]
        streams += [Listener(pool, here, caller.key, path, body) for path, body in caller.paths_of_models()]
        for stream in streams:
            stream.wait_until_open()
        streams.append(Listener(pool, there, caller.key, f"/responses/{StoredResponse.objects.get().pk}?stream=true"))
        streams[-1].wait_until_open()
        told = take_back(here, caller)
        assert until_refused(there, caller.key).json() == told
        ends = [stream.end() for stream in streams]
    if take_back is delete_developer:
        # What is answered may find that its rows are gone before anybody asks who listens.
        assert all(is_an_end(end) for end in ends), ends
    else:
        # Who follows a response may hear that it has ended before it is asked who listens.
        *others, following = ends
        assert [message_of(end) for end in others] == [told["error"]["message"]] * len(others)
        assert is_an_end(following) or message_of(following) == told["error"]["message"]
    assert all(said.gone.wait(PATIENCE_S) for said in caller.heard)
    is_let_in = there.get("/agents", headers=bearer(caller.other)).status_code == 200
    assert is_let_in == (take_back in (revoke, expire))


@pytest.mark.parametrize("path", ["/agents", "/models"])
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Authorization: Bearer {key}"], 200),
        (["Authorization: Bearer {key}", "Authorization: Bearer {key}"], 403),
        (["Authorization: Bearer {key}", "Authorization: Bearer wrong"], 403),
        (["Authorization: Bearer wrong", "Authorization: Bearer {key}"], 403),
        (["Authorization: Bearer {key},Bearer {key}"], 403),
        (["Authorization: Bearer {key}", "X-Auth-Key: {key}"], 200),
        (["Authorization: Bearer {key}", "X-Auth-Key: {other}"], 403),
        (["X_Auth_Key: {key}"], 403),
        (["Authorization: Bearer " + "x" * 65_536], 403),
        (["Accept: */*"], 403),
        (["Authorization: Bearer {token}"], 200),
        (["X-Auth-Key: {token}"], 200),
        (["Authorization: Bearer {token}", "X-Auth-Key: {key}"], 403),
        (["Authorization: Bearer {token},Bearer {token}"], 403),
        (["Authorization: Bearer {expired}"], 403),
        (["Authorization: Bearer {forged}"], 403),
    ],
)
def test_headers_as_they_come_over_a_wire(
    api_processes: list[Backend], developer: Developer, path: str, lines: list[str], status: int
) -> None:
    keys = {name: create_key(developer=developer, values={"label": name})[1] for name in ("key", "other")}
    good = claims(sub=str(developer.pk))
    keys |= {"token": shared(good), "expired": shared({**good, "exp": 1}), "forged": shared(good, key=SHARED[::-1])}
    head = "\r\n".join(["Host: x", "Connection: close", *(line.format(**keys) for line in lines)])
    with socket.create_connection(("127.0.0.1", api_processes[0].port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert int(answer.split(b" ", 2)[1]) == status, answer
    assert status == 200 or json.loads(answer.partition(b"\r\n\r\n")[2]) == REFUSED
