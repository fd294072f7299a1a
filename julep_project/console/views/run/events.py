"""Says that a run has news, as long as somebody looks at its page. The news are in the rows of its log.

An async view, so it is served without Django's middleware: it finds out itself who asks.
"""

from collections.abc import AsyncGenerator
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from executions.announcements import topic
from executions.models import Execution
from executions.states import TERMINAL_EXECUTION
from julep_project.console.permissions import VIEW, may
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.database import run_query
from julep_project.core.live.events import HUB
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_event
from julep_project.core.work.draining import is_draining

# Events arrive over Redis; this is how late a page may be while Redis is away.
_POLL_S = 2.0
# Whoever looks is asked for again now and then: a login may have ended.
_LOOKS = 150


async def stream(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    """`{count, status}` whenever either has changed; ends with the run."""
    if request.method != "GET":
        return HttpResponse(status=405, headers={"Allow": "GET"})
    if not await run_query(partial(_is_allowed, request)):
        return HttpResponse(status=403)
    error_event = partial(_error_event, getattr(request, "request_id", ""))
    return event_stream(Relay(_news(request, run_id), error_event=error_event))


def _is_allowed(request: HttpRequest) -> bool:
    """Whether the cookie is that of somebody who may see the console."""
    asking: Any = request
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    asking.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    asking.user = get_user(request)
    return may(request, VIEW)


async def _news(request: HttpRequest, run_id: UUID) -> AsyncGenerator[bytes, None]:
    known = Execution.objects.filter(pk=run_id).values_list("transition_count", "status", "updated_at")
    sent: tuple[Any, ...] | None = None
    looks = 0
    with HUB.listening(topic(run_id)) as listener:
        while True:
            seen = await run_query(known.first)
            if seen is None:
                return
            if seen != sent:
                sent = seen
                yield encode_event({"count": seen[0], "status": seen[1]})
            looks += 1
            if is_draining() or seen[1] in TERMINAL_EXECUTION:
                return
            if looks % _LOOKS == 0 and not await run_query(partial(_is_allowed, request)):
                return
            await listener.wait(_POLL_S)


def _error_event(request_id: str, error: Exception) -> bytes:
    return encode_event(answer_for(error, operation="stream", resource="Run", request_id=request_id).event)
