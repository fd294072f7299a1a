"""Runs `api_call` tools: one HTTP request, made of the tool's definition and the arguments of the call.

Arguments that name a field of a request take part in it; they win over the definition. `headers`, `cookies` and
`params` are merged key by key, a body (`content`, `data`, `json`, `files`) replaces that of the definition.
All other arguments are values of the call: they go into the query, or, for POST, PUT and PATCH, into the JSON object
that is the body. See `arguments.py`.
"""

import base64
from dataclasses import replace
from typing import Any

import orjson

from agents.tools.api_call.arguments import build_request, wants_content
from agents.tools.errors import Delivery, ToolError
from agents.tools.exchange import exchange, json_of
from agents.tools.registry import ToolCall
from agents.tools.signing_in import CONNECTION, SignIn, in_the_name_of
from julep_project.core.http import OutgoingRequest, is_sealed_way, origin_of
from julep_project.core.schemas.json_schema import UnusableSchema, find_problem
from julep_project.core.telemetry.tracing import outgoing_headers


def run(call: ToolCall) -> dict[str, Any]:
    """Send the request and return `{status_code, headers, json, content}`; `content` is the body in base64.

    Raises:
        ToolError: no answer, one with a status outside 200-299, or one that does not fit the tool's `schema`.
    """
    wanted = SignIn.wanted_by(call, call.spec.get(CONNECTION), resource=str(call.spec.get("url") or ""))
    return _result(call, build_request(call)) if wanted is None else in_the_name_of(wanted, call, _with_token)


def _with_token(call: ToolCall, token: str) -> dict[str, Any]:
    """Send the request with a token. That goes where the definition says, and nowhere that arguments lead to."""
    request = build_request(call)
    if origin_of(request.url) != origin_of(str(call.spec.get("url") or "")):
        message = f"the call of {call.name!r} leads to another server than its definition names, and is signed for that"
        raise ToolError(message, delivery=Delivery.NOT_SENT)
    if not is_sealed_way(request.url):
        message = f"the address of {call.name!r} is not encrypted, and the call would have a token in it"
        raise ToolError(message, delivery=Delivery.NOT_SENT)
    kept = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
    return _result(call, replace(request, headers={**kept, "authorization": f"Bearer {token}"}))


def _result(call: ToolCall, request: OutgoingRequest) -> dict[str, Any]:
    answer = exchange(_in_trace(request))
    body = json_of(answer)
    _check_schema(call, body)
    shown = call.hidden.value(body)
    headers = call.hidden.value(dict(answer.headers))
    result = {"status_code": answer.status, "headers": headers, "json": shown}
    if wants_content(call):
        result["content"] = base64.b64encode(_shown_content(call, answer.content, body, shown)).decode("ascii")
    return result


def _in_trace(request: OutgoingRequest) -> OutgoingRequest:
    """With the headers that name the trace it belongs to, if anything is traced; the author's own come first."""
    ours = outgoing_headers()
    if not ours or any(name.lower() in ours for name in request.headers):
        return request
    return replace(request, headers={**ours, **request.headers})


def _shown_content(call: ToolCall, content: bytes, body: Any, shown: Any) -> bytes:
    """The body without secrets. JSON may write each character in several ways: where one is found in its value, it is
    written anew."""
    return call.hidden.content(content) if shown is body else orjson.dumps(shown)


def _check_schema(call: ToolCall, body: Any) -> None:
    schema = call.spec.get("schema")
    if not schema:
        return
    try:
        found = find_problem(schema, body)
    except UnusableSchema as error:
        raise ToolError(f"the schema of the tool {call.name!r} is not valid: {error}"[:500]) from error
    if found is not None:
        message = f"the answer does not fit the schema of the tool {call.name!r}: {found.message}"[:500]
        raise ToolError(message, repeatable=True)
