"""What is told of every request that is answered: a line of the access log.

With the route in place of the path, and without the query: both may hold what is for nobody else.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from julep_project.core.api.auth import Principal
from julep_project.core.telemetry import tracing
from julep_project.core.telemetry.registry import HTTP_REFUSED, HTTP_REQUESTS, HTTP_SECONDS

log = logging.getLogger("julep_project.access")

# Machines ask these every few seconds.
_ASKED_OFTEN = frozenset({"livez", "readyz", "healthz", "metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_LEFT = 499
_SERVER_ERROR = 500

_SPAN_ATTRIBUTES = {
    "http.request.method": "method",
    "http.route": "route",
    "http.response.status_code": "status",
    "julep.request.id": "request_id",
    "julep.developer.id": "developer_id",
}

_arrived_at: ContextVar[float | None] = ContextVar("arrived_at", default=None)


def note_arrival() -> None:
    """The request of this task has arrived: it may wait for a thread before it is served."""
    _arrived_at.set(time.monotonic())


class Served:
    """One request, until its answer is over. `may_last`: it is open for as long as somebody speaks."""

    def __init__(self, request: HttpRequest, *, may_last: bool) -> None:
        self._request = request
        self._may_last = may_last
        self._began = _arrived_at.get() or time.monotonic()
        self._is_answered = False
        is_told = request.path_info.strip("/") not in _ASKED_OFTEN
        self.span = tracing.open_request(method_of(request), request.headers) if is_told else None

    def answered(self, response: HttpResponseBase) -> HttpResponseBase:
        """The answer as it is; a stream is over when it is closed."""
        self._is_answered = True
        if response.streaming:
            closing: Any = response
            closing._resource_closers.append(partial(self._end, response.status_code))
        else:
            self._end(response.status_code)
        return response

    def left(self) -> None:
        """There is no answer, unless there was one: whoever asked has gone."""
        if not self._is_answered:
            self._end(_CLIENT_LEFT)

    def _end(self, status: int) -> None:
        seconds = time.monotonic() - self._began
        route = route_of(self._request)
        principal = getattr(self._request, "user", None)
        method = method_of(self._request)
        HTTP_REQUESTS.add(method, route, f"{status // 100}xx")
        HTTP_SECONDS.observe(seconds, method, route)
        fields: dict[str, Any] = {
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
            "request_id": getattr(self._request, "request_id", ""),
        }
        # Staff pages have a user that is looked up when it is looked at.
        if type(principal) is Principal:
            fields["developer_id"] = principal.developer.pk
        log.log(self._level(route, status, seconds), "request answered", extra=fields)
        if self.span is not None:
            self.span.rename(f"{method} {route}")
            self.span.set({name: fields.get(key) for name, key in _SPAN_ATTRIBUTES.items()})
            self.span.end(str(status) if status >= _SERVER_ERROR else None)

    def _level(self, route: str, status: int, seconds: float) -> int:
        is_slow = not self._may_last and 0 < settings.SLOW_REQUEST_MS <= seconds * 1000
        if is_slow or status >= _SERVER_ERROR:
            return logging.WARNING
        return logging.DEBUG if route in _ASKED_OFTEN else logging.INFO


@contextmanager
def serving(request: HttpRequest, *, may_last: bool) -> Iterator[Served]:
    """Serve the request in this block, and hand the answer through `answered`."""
    served = Served(request, may_last=may_last)
    with tracing.current(served.span):
        try:
            yield served
        finally:
            served.left()


def note_refusal(status: int) -> None:
    """A request was answered before it came to any route: the server is full, or no request could be read."""
    began = _arrived_at.get()
    seconds = 0.0 if began is None else round(time.monotonic() - began, 4)
    HTTP_REFUSED.add(str(status))
    log.warning("request refused", extra={"status": status, "seconds": seconds})


def route_of(request: HttpRequest) -> str:
    """The pattern of the route, in which ids have names; `none` of what is nowhere."""
    match = request.resolver_match
    return _pattern(match.route) if match is not None and match.route else "none"


@cache
def _pattern(route: str) -> str:
    """`agents/<id>` of `agents/<str:id>`."""
    return re.sub(r"<\w+:", "<", route)


def method_of(request: HttpRequest) -> str:
    return request.method if request.method in _METHODS else "other"
