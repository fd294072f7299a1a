"""Event streams: native async views, behind the same authentication and errors as the rest."""

from collections.abc import AsyncIterator, Callable, Coroutine
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed

from executions import selectors, streams
from julep_project.core.auth import authenticate
from julep_project.core.database import run_query
from julep_project.core.exception_handler import plain_response
from julep_project.core.sse import event_stream
from julep_project.core.validation import parse_uuid

OpenStream = Callable[[HttpRequest, UUID], AsyncIterator[bytes]]


def _stream_view(open_stream: OpenStream) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """An async view: everything that can be refused is refused as plain JSON before the stream opens."""

    @wraps(open_stream)
    async def view(request: HttpRequest, execution_id: str) -> HttpResponseBase:
        try:
            await run_query(lambda: _check(request, execution_id))
            return event_stream(open_stream(request, UUID(execution_id)))
        except Exception as error:
            return plain_response(error, request)

    return view


def _check(request: HttpRequest, execution_id: str) -> None:
    developer = authenticate(request.headers)
    if request.method != "GET":
        raise MethodNotAllowed(request.method or "")
    selectors.get_execution(developer, parse_uuid(execution_id, "path", "execution_id"))


@_stream_view
def stream_transitions(request: HttpRequest, execution_id: UUID) -> AsyncIterator[bytes]:
    """`transitions.stream`: the log as it is written, from `next_page_token` on."""
    return streams.stream_transitions(execution_id, streams.seq_of_token(request.GET.get("next_page_token")))


@_stream_view
def stream_status(request: HttpRequest, execution_id: UUID) -> AsyncIterator[bytes]:
    """`status.stream`: the run's status as it changes."""
    return streams.stream_status(execution_id)
