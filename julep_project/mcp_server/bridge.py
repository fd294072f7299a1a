"""Lets the library's ASGI application serve a request that Django has read, and its answer be one of Django's."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import INTERNAL_ERROR

from julep_project.core.api.auth import Principal
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import DomainError
from julep_project.core.live.reader import Relay, event_stream, in_background
from julep_project.core.process.panics import contained
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


async def serve(request: HttpRequest, principal: Principal, body: bytes) -> HttpResponseBase:
    """Answer the request: at once, or as a stream. The work ends with whoever reads the answer."""
    sent: Sent = asyncio.Queue(maxsize=_AHEAD)
    caller = Caller(principal, str(getattr(request, "request_id", "")))
    task = in_background(_run(_scope_of(request, caller), body, sent))
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


async def _run(scope: Message, body: bytes, sent: Sent) -> None:
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
                await manager.handle_request(scope, receive, sent.put)  # type: ignore[arg-type]
        await sent.put(_OVER)
    except Exception as error:
        await sent.put(error)


def _error_event(error: Exception) -> bytes:
    """The last event of a stream that is broken off."""
    told = error.message if isinstance(error, DomainError) else "Internal server error"
    failure = {"jsonrpc": "2.0", "id": None, "error": {"code": INTERNAL_ERROR, "message": told}}
    return b"event: message\r\ndata: " + to_json(failure) + b"\r\n\r\n"


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
