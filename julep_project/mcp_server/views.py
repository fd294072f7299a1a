"""`/mcp`, and where its clients learn who gives out tokens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed

from agents.models import Developer
from executions.api.serializers import AnyJson
from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.api.auth import KeyScope, Principal, principal_of
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import BodyTooLarge, InvalidInput, NotFound, ServiceUnavailable
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.fields import Answer, Body, Example, JsonObject, Text
from julep_project.mcp_server.asking import (
    LARGEST_ANSWER,
    UnknownSession,
    abilities_of,
    session_id_for,
    take_answer,
)

# What the library reads, it reads on the event loop.
_MOST_BYTES = 4 * 1024 * 1024
_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600
_SESSION = "Mcp-Session-Id"
_ANSWERS = frozenset({"result", "error"})

Serve = Callable[[HttpRequest, Principal, bytes, frozenset[str]], Awaitable[HttpResponseBase]]


@dataclass(frozen=True, slots=True)
class _Message:
    """As far as it is looked at here: who begins a session tells what it can, an answer is to a question of ours."""

    body: bytes
    is_answer: bool = False
    number: Any = None
    is_greeting: bool = False
    capabilities: Any = None

    @classmethod
    def of(cls, said: Any) -> "_Message":
        if not isinstance(said, dict):
            return cls(to_json(said))
        if "method" not in said and said.keys() & _ANSWERS:
            answer = {name: said[name] for name in _ANSWERS & said.keys()}
            return cls(to_json(answer), is_answer=True, number=said.get("id"))
        params = said.get("params")
        capabilities = params.get("capabilities") if isinstance(params, dict) else None
        return cls(to_json(said), is_greeting=said.get("method") == "initialize", capabilities=capabilities)


class McpMessageBody(Body):
    """A message of the protocol: JSON-RPC 2.0."""

    example = Example(jsonrpc="2.0", id=1, method="tools/list", params={})

    jsonrpc = serializers.ChoiceField(choices=["2.0"])
    id = AnyJson(required=False, help_text="a number or a text; a notification has none")
    method = Text(help_text="such as `initialize`, `tools/list`, `tools/call`, `resources/read`, `prompts/get`")
    params = JsonObject(required=False)


class McpMessageAnswer(Answer):
    """What is answered to a message: a `result` or an `error`."""

    sometimes = frozenset({"result", "error"})

    jsonrpc = Text()
    id = AnyJson()
    result = JsonObject()
    error = JsonObject(help_text="with `code` and `message`")


class McpRefusalAnswer(Answer):
    """Why a message was not taken, as the protocol says it, or as this API does where it got no further."""

    sometimes = frozenset({"jsonrpc", "id"})

    jsonrpc = Text()
    id = AnyJson(help_text="null where it is not known")
    error = JsonObject(help_text="with `code` and `message`")


_HEADERS = {
    "Mcp-Session-Id": "As `initialize` was answered, in versions that begin with it.",
    "MCP-Protocol-Version": "The version that client and server agreed on.",
    "Mcp-Method": "The method of the message, in versions that ask for it.",
    "Mcp-Name": "The tool, prompt or resource that is meant, likewise.",
}


@describe_async(
    "mcp",
    body=McpMessageBody,
    answer={
        200: McpMessageAnswer,
        **SERVER_SENT_EVENTS,
        202: OpenApiResponse(description="A notification or an answer was taken. No body."),
        400: McpRefusalAnswer,
        401: OpenApiResponse(description="The key or token is missing, wrong or over; `WWW-Authenticate` says more."),
        404: McpRefusalAnswer,
        406: McpRefusalAnswer,
    },
    others=[OpenApiParameter(name, str, "header", description=text) for name, text in _HEADERS.items()],
)
@api_view("POST", scope=KeyScope.READ)
async def mcp(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One message of the protocol, and what is answered to it. What changes something asks for more of the key."""
    if len(request.body) > _MOST_BYTES:
        raise BodyTooLarge(f"A message may have {_MOST_BYTES} bytes")
    try:
        message = await read_request(request, _Message.of)
    except InvalidInput as error:
        return _refused(400, _PARSE_ERROR, error.explanation)
    principal = principal_of(request)
    if message.is_answer:
        return await _answered(principal, message)
    session_id = None if message.is_greeting else request.headers.get(_SESSION)
    try:
        abilities = frozenset() if session_id is None else abilities_of(principal, session_id)
    except UnknownSession:
        return _refused(404, _INVALID_REQUEST, "There is no such session")
    serve = await in_thread(_serving) if _serving.cache_info().currsize == 0 else _serving()
    response = await serve(request, principal, message.body, abilities)
    if message.is_greeting and (begun := session_id_for(principal, message.capabilities)) is not None:
        response.headers[_SESSION] = begun
    return response


async def _answered(principal: Principal, message: _Message) -> HttpResponseBase:
    """Take the answer to a question of ours. What is wrong with its number is told to nobody."""
    if len(message.body) > LARGEST_ANSWER:
        raise BodyTooLarge(f"An answer may have {LARGEST_ANSWER} bytes")
    try:
        is_taken = await in_thread(take_answer, principal, message.number, message.body)
    except redis.RedisError as error:
        raise ServiceUnavailable("The answer cannot be taken now") from error
    return HttpResponse(status=202) if is_taken else _refused(400, _INVALID_REQUEST, "Nobody waits for this answer")


def _refused(status: int, code: int, message: str) -> HttpResponseBase:
    return json_response({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}, status)


async def protected_resource(request: HttpRequest) -> HttpResponseBase:
    """What RFC 9728 has clients ask for that got no further than 401."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(request.method or "")
    if not settings.MCP_AUTHORIZATION_SERVERS:
        raise NotFound("This server takes API keys only")
    return json_response(
        {
            "resource": f"{settings.PUBLIC_URL or request.build_absolute_uri('/')[:-1]}/mcp",
            "authorization_servers": list(settings.MCP_AUTHORIZATION_SERVERS),
            "bearer_methods_supported": ["header"],
        }
    )


@cache
def _serving() -> Serve:
    """The library takes most of a second to import: whoever speaks no MCP does not wait for it."""
    from julep_project.mcp_server.bridge import serve

    return serve
