"""What all answers have in common, wherever in the server they are made."""

import asyncio
import json
from typing import Any

import pytest

from julep_project.core.api.answer_headers import speaks_anthropic
from julep_project.serving.admission import Admission, Bodies
from julep_project.serving.answers import EveryAnswer
from julep_project.serving.threaded_wsgi import Message, Receive, Scope, Send

VERSION = {"anthropic-version": "2023-06-01"}


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


@pytest.mark.parametrize(
    ("path", "headers", "speaks"),
    [
        ("/v1/messages", {}, True),
        ("/api/v1/messages/count_tokens", {}, True),
        ("/messages", {}, True),
        ("/v1/models", {}, False),
        ("/v1/models", VERSION, True),
        ("/v1/models/a/b", VERSION, True),
        ("/v1/responses", VERSION, False),
        ("/sessions/1/messages", VERSION, False),
        ("/v1/messages2", {}, False),
    ],
)
def test_who_speaks_it(path: str, headers: dict[str, str], speaks: bool) -> None:
    assert speaks_anthropic(path, headers) is speaks


@pytest.mark.parametrize("path", ["/v1/messages", "/api/v1/messages/", "/messages"])
def test_a_server_that_is_full_says_so_in_the_form_of_the_api(path: str) -> None:
    """What is answered before Django sees the request."""

    async def application(*_: Any) -> None:
        raise AssertionError

    start, body = asyncio.run(_answered(Admission(application, Bodies(1), most=0), path))
    headers, told = dict(start["headers"]), json.loads(body["body"])
    assert (start["status"], told["type"], told["error"]["type"]) == (529, "error", "overloaded_error")
    assert told["request_id"].encode() == headers[b"request-id"] == headers[b"x-request-id"]
