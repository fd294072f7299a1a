"""`/mcp`, and where its clients learn who gives out tokens."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed

from agents.models import Developer
from julep_project.core.api.async_views import api_view, json_response
from julep_project.core.api.auth import KeyScope, Principal, principal_of
from julep_project.core.errors import NotFound
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.outside_json import TooMuchJson, read_json

# Smaller bodies are checked on the event loop: handing them to a thread would take longer.
_SMALL_BODY_BYTES = 64 * 1024
_INVALID_REQUEST = -32600


@api_view("POST", scope=KeyScope.READ)
async def mcp(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One message of the protocol, and what is answered to it. What changes something asks for more of the key."""
    body = request.body
    is_fit = _is_fit(body) if len(body) <= _SMALL_BODY_BYTES else await in_thread(lambda: _is_fit(body))
    if not is_fit:
        told = {"code": _INVALID_REQUEST, "message": "The message is nested too deep, or has too many parts"}
        return json_response({"jsonrpc": "2.0", "id": None, "error": told}, 400)
    serve = await in_thread(_serving) if _serving.cache_info().currsize == 0 else _serving()
    return await serve(request, principal_of(request), body)


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
def _serving() -> Callable[[HttpRequest, Principal, bytes], Awaitable[HttpResponseBase]]:
    """The library takes most of a second to import: whoever speaks no MCP does not wait for it."""
    from julep_project.mcp_server.bridge import serve

    return serve


def _is_fit(body: Any) -> bool:
    """Whether the library may read it. What is no JSON at all it refuses itself, as the protocol has it."""
    try:
        read_json(body)
    except TooMuchJson:
        return False
    except ValueError:
        pass
    return True
