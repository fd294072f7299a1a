"""Calls of models as pages show them, and the requests that would make them again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from agents.calls.selectors import ShownCall
from julep_project.console.queries.chats import text_of
from julep_project.core.reading.jsontext import to_json_text

PARTS = ("request", "response", "curl")
# What is read of a call that is asked for whole.
WHOLE_BYTES = 8 * 1024 * 1024
OMITTED, CUT = "$omitted", "$cut"


def shown_messages(messages: Sequence[Any], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """By role, with how much of the whole each is. `sizes` are their bytes."""
    most = max([*sizes, 1])
    return [_shown(one, size, size / most) for one, size in zip(messages, sizes, strict=True)]


def _shown(message: Any, size: int, share: float) -> dict[str, Any]:
    told = message if isinstance(message, dict) else {}
    return {
        "role": str(told.get("role") or "not shown"),
        "text": text_of(told.get("content")) or str(told.get(OMITTED, "")),
        "calls": told.get("tool_calls"),
        "size": size,
        "share": share,
    }


def body_of(model: str, messages: Sequence[Any], asked: Mapping[str, Any], tools: Sequence[Any]) -> dict[str, Any]:
    """The call as a request of the chat completions API."""
    settings = asked.get("settings")
    body = {"model": model, "messages": list(messages), **(settings if isinstance(settings, Mapping) else {})}
    if tools:
        body["tools"] = list(tools)
    if asked.get("tool_choice") is not None:
        body["tool_choice"] = asked["tool_choice"]
    return body


def as_curl(origin: str, body: Mapping[str, Any]) -> str:
    """A line for a shell: what strangers wrote is quoted in it, and consists of ASCII."""
    return (
        f"curl -X POST {shlex.quote(f'{origin}/v1/chat/completions')} \\\n"
        '  -H "Authorization: Bearer $AGENTS_API_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(json.dumps(body))}\n"
    )


def raw_part(request: HttpRequest, shown: ShownCall, part: str) -> HttpResponse:
    """The request of a call, its answer, or a line for a shell.

    Raises:
        BadRequest: there is no such part, or it is too large to be sent again.
    """
    if part not in PARTS:
        raise BadRequest("part is one of " + ", ".join(PARTS))
    if part == "response":
        return HttpResponse(to_json_text(shown.response), content_type="application/json")
    body = body_of(shown.call.name, shown.messages, shown.request, shown.tools)
    if part == "request":
        return HttpResponse(to_json_text(body), content_type="application/json")
    if any(OMITTED in one or CUT in one for one in shown.messages):
        raise BadRequest("This is too large to be sent again from here")
    origin = f"{request.scheme}://{request.get_host()}"
    return HttpResponse(as_curl(origin, body), content_type="text/plain; charset=utf-8")
