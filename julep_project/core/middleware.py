"""What every API request passes through, sync or async."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from julep_project.core.exception_handler import plain_response
from julep_project.core.ids import uuid7

_PREFIX = "/api"
_NOT_API = ("/admin", "/static")
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}")
_PREFLIGHT_SECONDS = 3600
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"
_EXPOSED = "x-request-id, x-should-retry, retry-after"

Handler = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class ApiMiddleware:
    """Serves every route under `/` and `/api`, with or without a trailing slash, to any origin.

    API requests carry their key in a header, never in a cookie: they need no CSRF token, and any origin may be
    allowed. The admin pages use cookies, so none of this is for them.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response: Any = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request."""
        if not _is_api(request):
            return self.get_response(request)
        if iscoroutinefunction(self):
            return self._serve_async(request)
        return _finish(request, _early_answer(request) or self.get_response(request))

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        return _finish(request, _early_answer(request) or await self.get_response(request))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to what a view outside DRF raised."""
        return plain_response(exception, request) if _is_api(request) else None


def _is_api(request: HttpRequest) -> bool:
    return not any(request.path_info == base or request.path_info.startswith(f"{base}/") for base in _NOT_API)


def _early_answer(request: HttpRequest) -> HttpResponse | None:
    """Prepare the request (no text may hold NUL); answer it at once if it is a preflight."""
    request.path_info = _bare_path(request.path_info)
    request.META["QUERY_STRING"] = request.META.get("QUERY_STRING", "").replace("%00", "")
    sent = request.headers.get("x-request-id", "")
    marked: Any = request
    marked.request_id = sent if _REQUEST_ID.fullmatch(sent) else str(uuid7())
    marked._dont_enforce_csrf_checks = True
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return HttpResponse(status=200)
    return None


def _bare_path(path: str) -> str:
    """The path without the prefix and trailing slashes."""
    if path == _PREFIX or path.startswith(f"{_PREFIX}/"):
        path = path[len(_PREFIX) :]
    return path.rstrip("/") or "/"


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("X-Request-Id", getattr(request, "request_id", ""))
    origin = request.headers.get("Origin")
    if origin:
        _allow_origin(request, response, origin)
    return response


def _allow_origin(request: HttpRequest, response: HttpResponseBase, origin: str) -> None:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    vary = response.headers.get("Vary")
    response.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
