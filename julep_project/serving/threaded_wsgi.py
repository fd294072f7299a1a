"""Runs a WSGI application in threads below an ASGI server: one hop to a thread and back for each request.

Django's own ASGI handler crosses between loop and threads several times per request, which costs more than half
of the throughput of a short view. Here the body is read before a thread is taken, so that a slow client holds
none, and the response is collected before it is sent. Streams therefore do not belong here.
"""

import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any

from julep_project.core.process.threads import run_in

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PLAIN_HEADERS = {b"content-length": "CONTENT_LENGTH", b"content-type": "CONTENT_TYPE"}


class ClientGone(Exception):
    """The connection was closed before the whole request arrived."""


@dataclass
class _Response:
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class ThreadedWsgi:
    """An ASGI application around a WSGI one."""

    def __init__(self, application: WsgiApplication, *, threads: int, max_body_bytes: int) -> None:
        """A body beyond the limit is cut one byte after it: enough for the application to refuse it."""
        self._application = application
        self._max_body_bytes = max_body_bytes
        # Requests that wait, and the bytes of their bodies, are bounded by who lets them in; see `admission`.
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._read_body(receive)
        except ClientGone:
            return
        environ = build_environ(scope, body)
        response = await run_in(self._executor, partial(self._run, environ))
        # Sending may take long.
        del body, environ
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _read_body(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if len(body) <= self._max_body_bytes:
                body += message.get("body", b"")
            if not message.get("more_body", False):
                return bytes(body[: self._max_body_bytes + 1])

    def _run(self, environ: dict[str, Any]) -> _Response:
        response = _Response()

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            response.status = int(status[:3])
            response.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

        parts = self._application(environ, start_response)
        try:
            response.body = b"".join(parts)
        finally:
            # Django ends the request here: signals, and its database connection.
            getattr(parts, "close", lambda: None)()
        return response


def build_environ(scope: Scope, body: bytes) -> dict[str, Any]:
    server, client = scope.get("server") or ("localhost", 80), scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": _as_wsgi(scope.get("root_path", "")),
        "PATH_INFO": _as_wsgi(scope["path"]),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
        # The body is complete: readers may read to its end without a length.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if client:
        environ |= {"REMOTE_ADDR": client[0], "REMOTE_PORT": str(client[1])}
    for name, value in scope["headers"]:
        _add_header(environ, name, value)
    return environ


def _add_header(environ: dict[str, Any], name: bytes, value: bytes) -> None:
    """Names with an underscore are dropped, as servers do: they could pose as another header."""
    if b"_" in name:
        return
    key = _PLAIN_HEADERS.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
    text = value.decode("latin-1")
    separator = "; " if key == "HTTP_COOKIE" else ","
    environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text


def _as_wsgi(text: str) -> str:
    """WSGI carries bytes as Latin-1 text."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
