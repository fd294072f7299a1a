"""Lets the library's ASGI application serve a request that Django has read, and its answer be one of Django's."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import INTERNAL_ERROR
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from julep_project.core.api.auth import Principal
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import DomainError
from julep_project.core.live.reader import Relay, event_stream, in_background
from julep_project.core.process.panics import contained
from julep_project.mcp_server.asking import Line
from julep_project.mcp_server.caller import STATE, Caller
from julep_project.mcp_server.server import server

_EVENTS = b"text/event-stream"
# What the library reads of a request, beside what is of the protocol.
_READ = frozenset({"accept", "content-type"})
_OF_PROTOCOL = "mcp-"
# Pieces of an answer that are ready before they are read.
_AHEAD = 16

Message = dict[str, Any]
# Whatever was said by then, nothing more comes.
_OVER: Message = {"type": "over"}
Sent = asyncio.Queue[Message | BaseException]


class _Stream:
    """What is sent for one request: by the library, and between its events by whoever asks the client something."""

    def __init__(self) -> None:
        self.sent: Sent = asyncio.Queue(maxsize=_AHEAD)
        self._has_begun = asyncio.Event()

    async def send(self, message: Message) -> None:
        await self.sent.put(message)
        if message["type"] == "http.response.start":
            self._has_begun.set()

    async def say(self, message: Mapping[str, Any]) -> None:
        """Send a message of the protocol."""
        await self._has_begun.wait()
        await self.sent.put({"type": "http.response.body", "body": _event(message), "more_body": True})


async def serve(
    request: HttpRequest, principal: Principal, body: bytes, abilities: frozenset[str] = frozenset()
) -> HttpResponseBase:
    """Answer the request: at once, or as a stream, on which its client may be asked what it can be asked. The work ends
    with whoever reads the answer."""
    stream = _Stream()
    line = Line(principal, abilities, stream.say) if abilities and _is_with_handshake(request) else None
    caller = Caller(principal, str(getattr(request, "request_id", "")), line)
    sent = stream.sent
    task = in_background(_run(_scope_of(request, caller), body, stream))
    try:
        start = await _next(sent)
        if start["type"] != "http.response.start":
            raise RuntimeError("the library answered nothing")
    except BaseException:
        task.cancel()
        raise
    headers = {bytes(name).lower(): bytes(value) for name, value in start["headers"]}
    pieces = _pieces(task, sent)
    if headers.get(b"content-type", b"").startswith(_EVENTS):
        return event_stream(Relay(pieces, error_event=_error_event), start["status"])
    response = HttpResponse(b"".join([piece async for piece in pieces]), status=start["status"])
    for name in headers.keys() - {b"content-length"}:
        response.headers[name.decode("latin-1")] = headers[name].decode("latin-1")
    return response


async def _run(scope: Message, body: bytes, stream: _Stream) -> None:
    """Run the application for one request. It is told that whoever asked has left by being cancelled."""
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        await asyncio.Event().wait()
        raise AssertionError("never set")

    manager = StreamableHTTPSessionManager(server(), stateless=True, max_request_body_size=max(len(body), 1))
    try:
        with contained():
            async with manager.run():
                await manager.handle_request(scope, receive, stream.send)  # type: ignore[arg-type]
        await stream.sent.put(_OVER)
    except Exception as error:
        await stream.sent.put(error)


def _error_event(error: Exception) -> bytes:
    """The last event of a stream that is broken off."""
    told = error.message if isinstance(error, DomainError) else "Internal server error"
    failure = {"jsonrpc": "2.0", "id": None, "error": {"code": INTERNAL_ERROR, "message": told}}
    return _event(failure)


def _event(message: Mapping[str, Any]) -> bytes:
    return b"event: message\r\ndata: " + to_json(message) + b"\r\n\r\n"


def _is_with_handshake(request: HttpRequest) -> bool:
    """Whether it is of the generation whose requests are answered by streams alone."""
    return request.headers.get("mcp-protocol-version", HANDSHAKE_PROTOCOL_VERSIONS[0]) in HANDSHAKE_PROTOCOL_VERSIONS


async def _next(sent: Sent) -> Message:
    message = await sent.get()
    if isinstance(message, BaseException):
        raise message
    return message


async def _pieces(task: "asyncio.Task[None]", sent: Sent) -> AsyncGenerator[bytes, None]:
    try:
        more = True
        while more:
            message = await _next(sent)
            more = bool(message.get("more_body"))
            if piece := message.get("body"):
                yield piece
    finally:
        task.cancel()


def _scope_of(request: HttpRequest, caller: Caller) -> Message:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
        if name.lower() in _READ or name.lower().startswith(_OF_PROTOCOL)
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path_info,
        "raw_path": request.path_info.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        STATE: caller,
    }
