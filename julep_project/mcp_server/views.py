"""`/mcp`, and where its clients learn who gives out tokens."""

from collections.abc import Awaitable, Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed

from agents.models import Developer
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.api.auth import KeyScope, Principal, principal_of
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import BodyTooLarge, InvalidInput, NotFound
from julep_project.core.process.threads import in_thread

# What the library reads, it reads on the event loop.
_MOST_BYTES = 4 * 1024 * 1024
_PARSE_ERROR = -32700


@api_view("POST", scope=KeyScope.READ)
async def mcp(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One message of the protocol, and what is answered to it. What changes something asks for more of the key."""
    if len(request.body) > _MOST_BYTES:
        raise BodyTooLarge(f"A message may have {_MOST_BYTES} bytes")
    try:
        body = await read_request(request, to_json)
    except InvalidInput as error:
        told = {"code": _PARSE_ERROR, "message": error.explanation}
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
