"""The WSGI application below the ASGI server."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from julep_project.serving.paths import is_search, is_stream
from julep_project.serving.threaded_wsgi import Message, ThreadedWsgi

Environ = dict[str, Any]


class EchoApplication:
    """Records what it is given; answers with the body."""

    def __init__(self) -> None:
        self.environ: Environ = {}
        self.thread = ""
        self.closed = False

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.environ, self.thread = environ, threading.current_thread().name
        body = environ["wsgi.input"].read()
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-Length", str(len(body)))])
        return Parts(self, [body[:3], body[3:]])


class Parts(list[bytes]):
    """A response that must be closed."""

    def __init__(self, owner: EchoApplication, parts: Iterable[bytes]) -> None:
        super().__init__(parts)
        self._owner = owner

    def close(self) -> None:
        self._owner.closed = True


def serve(application: Any, messages: list[Message], *, max_body_bytes: int = 100, **scope: Any) -> list[Message]:
    """Messages sent in answer to a request whose body arrives in these messages."""
    request = {"type": "http", "method": "POST", "path": "/a", "query_string": b"", "http_version": "1.1"}
    sent: list[Message] = []
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    async def send(message: Message) -> None:
        sent.append(message)

    served = ThreadedWsgi(application, threads=1, max_body_bytes=max_body_bytes)
    asyncio.run(served({**request, "headers": [], **scope}, receive, send))
    return sent


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


def test_one_request_in_a_thread() -> None:
    application = EchoApplication()
    sent = serve(application, [body(b"hello ", more=True), body(b"world")])
    assert sent == [
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [(b"content-type", b"text/plain"), (b"x-length", b"11")],
        },
        {"type": "http.response.body", "body": b"hello world"},
    ]
    assert application.thread.startswith("request")
    assert application.closed


def test_the_environment_is_that_of_the_request() -> None:
    application = EchoApplication()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"0"),
        (b"x-many", b"1"),
        (b"x-many", b"2"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x_many", b"posing"),
    ]
    serve(
        application,
        [body(b"")],
        path="/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        query_string=b"q=%C3%A9",
        headers=headers,
        client=("127.0.0.1", 1234),
        server=("127.0.0.1", 8080),
        scheme="http",
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/caf\N{LATIN CAPITAL LETTER A WITH TILDE}\N{COPYRIGHT SIGN}",
        "QUERY_STRING": "q=%C3%A9",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "0",
        "HTTP_X_MANY": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PORT": "8080",
        "wsgi.input_terminated": True,
    }
    assert application.environ | expected == application.environ


def test_a_body_over_the_limit_is_cut_one_byte_after_it() -> None:
    application = EchoApplication()
    sent = serve(application, [body(b"x" * 60, more=True)] * 5 + [body(b"x")], max_body_bytes=100)
    assert sent[1]["body"] == b"x" * 101


def test_a_client_that_leaves_is_not_served() -> None:
    application = EchoApplication()
    assert serve(application, [body(b"half", more=True), {"type": "http.disconnect"}]) == []
    assert application.environ == {}


def test_an_error_of_the_application_reaches_the_server() -> None:
    def broken(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        serve(broken, [body(b"")])


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/executions/1/transitions.stream", True),
        ("/api/executions/1/status.stream/", True),
        ("/executions/1/transitions/stream", True),
        ("/sessions/1/chat", True),
        ("/api/sessions/1/render/", True),
        ("/responses", True),
        ("/v1/responses/resp_1/input_items", True),
        ("/v1/chat/completions", True),
        ("/embed", True),
        ("/v1/models/offline/echo", True),
        ("/agents/models", False),
        ("/executions/1/transitions", False),
        ("/sessions/1/history", False),
        ("/agents/1/docs", False),
        ("/agents/my.stream.name/tools", False),
        ("/livez", True),
        ("/api/readyz", True),
        ("/healthz/", True),
        ("/healthz/all", False),
    ],
)
def test_streams_are_told_by_their_path(path: str, stream: bool) -> None:
    assert is_stream(path) is stream


@pytest.mark.parametrize(
    ("path", "search"),
    [
        ("/agents/1/search", True),
        ("/api/users/1/search/", True),
        ("/agents/1/docs", False),
        ("/agents/search", False),
        ("/agents/1/search/2", False),
    ],
)
def test_searches_are_told_by_their_path(path: str, search: bool) -> None:
    assert is_search(path) is search
