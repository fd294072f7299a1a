"""What every API request passes through, sync or async."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from julep_project.core.api.access_log import serving
from julep_project.core.api.answer_headers import (
    cross_origin_headers,
    is_for_api,
    is_preflight,
    rate_headers,
    request_id_headers,
    request_id_of,
)
from julep_project.core.api.exception_handler import plain_response
from julep_project.core.api.request_id import begin_request
from julep_project.core.process.panics import Panic, contained
from julep_project.core.process.request_id import serving_request
from julep_project.core.tenancy import empty_scope, system_scope

_PREFIX = "/api"

Handler = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class ApiMiddleware:
    """Serves every route under `/` and `/api`, with or without a trailing slash, to any origin.

    API requests carry their key in a header, never in a cookie: they need no CSRF token, and any origin may be
    allowed. The admin pages use cookies, so none of this is for them.

    Until its caller is known, a request of the API sees no developer's rows; staff see those of all.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response: Any = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._serve_async(request)
        _begin(request)
        with serving(request, may_last=False) as served:
            if not _is_api(request):
                with system_scope():
                    return served.answered(self._answer(request))
            early = _early_answer(request)
            with serving_request(_id_of(request)), empty_scope():
                return served.answered(_finish(request, early or self._answer(request)))

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        _begin(request)
        with serving(request, may_last=True) as served:
            if not _is_api(request):
                with system_scope():
                    return served.answered(await self._answer_async(request))
            early = _early_answer(request)
            with serving_request(_id_of(request)), empty_scope():
                return served.answered(_finish(request, early or await self._answer_async(request)))

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        """What Django makes of it. Django itself handles errors only, not what is beyond."""
        try:
            with contained():
                response: HttpResponseBase = self.get_response(request)
        except Panic as panic:
            return plain_response(panic, request)
        return response

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            with contained():
                response: HttpResponseBase = await self.get_response(request)
        except Panic as panic:
            return plain_response(panic, request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to what a view outside DRF raised."""
        return plain_response(exception, request) if _is_api(request) else None


def _is_api(request: HttpRequest) -> bool:
    return is_for_api(request.path_info)


def _begin(request: HttpRequest) -> None:
    """Staff pages have ids, too: for the audit log."""
    marked: Any = request
    marked.request_id = request_id_of(request.headers.get("x-request-id"))
    begin_request(marked.request_id)


def _early_answer(request: HttpRequest) -> HttpResponse | None:
    """Prepare the request (no text may hold NUL); answer it at once if it is a preflight."""
    request.path_info = _bare_path(request.path_info)
    request.META["QUERY_STRING"] = request.META.get("QUERY_STRING", "").replace("%00", "")
    marked: Any = request
    marked._dont_enforce_csrf_checks = True
    if is_preflight(request.method, request.headers):
        return HttpResponse(status=200)
    return None


def _id_of(request: HttpRequest) -> str:
    request_id: str = getattr(request, "request_id", "")
    return request_id


def _bare_path(path: str) -> str:
    """The path without the prefix and trailing slashes. The prefix leads to no page with cookies: it would come without
    what protects those."""
    bare = path[len(_PREFIX) :] if path == _PREFIX or path.startswith(f"{_PREFIX}/") else path
    return (bare if is_for_api(bare) else path).rstrip("/") or "/"


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in request_id_headers(_id_of(request), request.path_info, request.headers).items():
        response.headers.setdefault(name, value)
    for name, value in rate_headers(response.headers, request.path_info, request.headers).items():
        response.headers[name] = value
    for name, value in cross_origin_headers(request.method, request.headers).items():
        known = response.headers.get(name) if name == "Vary" else None
        response.headers[name] = f"{known}, {value}" if known else value
    return response
