"""What all answers have in common, wherever in the server they are made."""

import asyncio
from typing import Any

from julep_project.serving.answers import EveryAnswer
from julep_project.serving.threaded_wsgi import Message, Receive, Scope, Send


async def _answered(application: Any, path: str, *headers: tuple[bytes, bytes]) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope: Scope = {"type": "http", "path": path, "method": "POST", "headers": list(headers)}
    await EveryAnswer(application)(scope, receive, send)
    return sent


def test_what_an_answer_has_is_not_told_twice() -> None:
    """Django writes the names of headers in its own way."""
    given = [(b"X-Request-Id", b"req-1"), (b"Access-Control-Allow-Origin", b"http://pages.example")]

    async def application(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": given})
        await send({"type": "http.response.body", "body": b""})

    start, _ = asyncio.run(_answered(application, "/agents", (b"origin", b"http://pages.example")))
    assert start["headers"] == given
