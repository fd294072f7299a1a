"""What waits in a server process is bounded, in number and in bytes."""

import asyncio
import json
from typing import Any

import pytest

from julep_project.serving import admission
from julep_project.serving.admission import Admission, Bodies
from julep_project.serving.threaded_wsgi import Message, Receive, Scope, Send

SCOPE: Scope = {"type": "http", "path": "/agents", "headers": []}
LARGE = 100 * 1024
BUSY = {
    "message": "The server has too much to do at the moment; try again.",
    "code": "server_busy",
    "type": "http_error",
}


class Server:
    """Reads whole bodies, and answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        self.read += 1
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Client:
    """Sends a body in pieces and keeps the answer."""

    def __init__(self, *pieces: bytes, hangs: bool = False) -> None:
        self.sent = 0
        self.answer: list[Message] = []
        self._pieces = pieces or (b"",)
        self._hangs = hangs

    async def receive(self) -> Message:
        if self._hangs and self.sent == len(self._pieces):
            await asyncio.Event().wait()
        self.sent += 1
        more = self._hangs or self.sent < len(self._pieces)
        return {"type": "http.request", "body": self._pieces[self.sent - 1], "more_body": more}

    async def send(self, message: Message) -> None:
        self.answer.append(message)

    @property
    def status(self) -> int:
        status: int = self.answer[0]["status"]
        return status


def _error(client: Client) -> tuple[int, str | None, Any]:
    start, body = client.answer
    headers = dict(start["headers"])
    return start["status"], headers.get(b"retry-after", b"").decode() or None, json.loads(body["body"])["error"]


async def _begun(server: Admission, *clients: Client) -> list["asyncio.Task[None]"]:
    tasks = [asyncio.ensure_future(server(SCOPE, one.receive, one.send)) for one in clients]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


def test_too_many_requests_are_told_to_come_again_before_their_body_is_read() -> None:
    async def serve() -> None:
        inner = Server()
        server = Admission(inner, Bodies(LARGE), most=2)
        first, second, third, fourth = (Client(b"{}") for _ in range(4))
        tasks = await _begun(server, first, second, third)
        assert _error(third) == (503, "1", BUSY)
        assert (third.sent, inner.read) == (0, 2)
        inner.go_on.set()
        await asyncio.gather(*tasks)
        await server(SCOPE, fourth.receive, fourth.send)
        assert [client.status for client in (first, second, fourth)] == [200] * 3

    asyncio.run(serve())


def test_large_bodies_wait_for_room_or_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_WAIT_S", 0.05)

    async def serve() -> None:
        inner = Server()
        server = Admission(inner, Bodies(LARGE), most=10)
        first, second, small = Client(b"x" * LARGE), Client(*[b"x" * 50_000] * 4), Client(b"{}")
        tasks = await _begun(server, first, second, small)
        await tasks[1]
        assert _error(second) == (503, "1", BUSY)
        assert second.sent < 4
        # Small ones are let in all the same.
        assert inner.read == 2
        inner.go_on.set()
        await asyncio.gather(*tasks)
        assert (first.status, small.status) == (200, 200)

    asyncio.run(serve())


def test_room_is_given_back_when_the_answer_begins() -> None:
    async def serve() -> None:
        inner = Server()
        server = Admission(inner, Bodies(50 * 1024), most=10)
        first, second = Client(b"x" * LARGE), Client(b"x" * LARGE)
        tasks = await _begun(server, first, second)
        assert inner.read == 1
        inner.go_on.set()
        await asyncio.gather(*tasks)
        assert (first.status, second.status) == (200, 200)

    asyncio.run(serve())


def test_a_body_that_does_not_come_to_an_end_gives_its_room_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_LONGEST_BODY_S", 0.05)

    async def serve() -> None:
        bodies = Bodies(LARGE)
        slow = Client(b"x" * LARGE, hangs=True)
        await Admission(Server(), bodies, most=10)(SCOPE, slow.receive, slow.send)
        message = "The request body did not arrive in time."
        assert _error(slow) == (408, None, {"message": message, "code": "http_408", "type": "http_error"})
        async with asyncio.timeout(1):
            await bodies.take(LARGE)

    asyncio.run(serve())
