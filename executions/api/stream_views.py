"""Event streams: everything that can be refused is refused as plain JSON before the stream opens."""

from collections.abc import AsyncGenerator
from functools import partial
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter

from agents.models import Developer
from executions import selectors, streams
from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.api.async_views import api_view
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.api.query import ignored
from julep_project.core.database import run_query
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_event


@describe_async(
    "execution_transitions_stream",
    method="get",
    answer=SERVER_SENT_EVENTS,
    ids=("execution_id",),
    query=[
        OpenApiParameter("next_page_token", description="that of the event behind which to go on"),
        OpenApiParameter("next_token", description="another name of it"),
    ],
)
@api_view("GET")
async def stream_transitions(request: HttpRequest, developer: Developer, execution_id: UUID) -> HttpResponseBase:
    """The log as it is written, as events, from `next_page_token` on."""
    await run_query(partial(selectors.get_execution, developer, execution_id, whole=False))
    after = streams.seq_of_token(request.GET.get("next_page_token") or request.GET.get("next_token"))
    return _stream(request, streams.stream_transitions(execution_id, after))


async def stream_transitions_elsewhere(request: HttpRequest, execution_id: str) -> HttpResponseBase:
    """The same under the path of earlier versions, which the API description leaves out."""
    return await stream_transitions(request, execution_id=execution_id)


@describe_async(
    "execution_status_stream",
    method="get",
    answer=SERVER_SENT_EVENTS,
    ids=("execution_id",),
    query=ignored("next_token"),
)
@api_view("GET")
async def stream_status(request: HttpRequest, developer: Developer, execution_id: UUID) -> HttpResponseBase:
    """The run's status as it changes, as events."""
    await run_query(partial(selectors.get_execution, developer, execution_id, whole=False))
    return _stream(request, streams.stream_status(execution_id))


def _stream(request: HttpRequest, events: AsyncGenerator[bytes, None]) -> HttpResponseBase:
    """What goes wrong after the stream has opened is its last event. The client may go on from where it was."""
    return event_stream(Relay(events, error_event=partial(_error_event, getattr(request, "request_id", ""))))


def _error_event(request_id: str, error: Exception) -> bytes:
    return encode_event(answer_for(error, operation="stream", resource="Execution", request_id=request_id).event)
