"""Event streams: everything that can be refused is refused as plain JSON before the stream opens."""

from functools import partial
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from agents.models import Developer
from executions import selectors, streams
from julep_project.core.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.async_views import api_view
from julep_project.core.database import run_query
from julep_project.core.sse import event_stream


@describe_async(
    "execution_transitions_stream",
    method="get",
    answer=SERVER_SENT_EVENTS,
    ids=("execution_id",),
    query=[OpenApiParameter("next_page_token", OpenApiTypes.STR)],
)
@api_view("GET")
async def stream_transitions(request: HttpRequest, developer: Developer, execution_id: UUID) -> HttpResponseBase:
    """`transitions.stream`: the log as it is written, from `next_page_token` on."""
    await run_query(partial(selectors.get_execution, developer, execution_id, whole=False))
    after = streams.seq_of_token(request.GET.get("next_page_token"))
    return event_stream(streams.stream_transitions(execution_id, after))


@describe_async("execution_status_stream", method="get", answer=SERVER_SENT_EVENTS, ids=("execution_id",))
@api_view("GET")
async def stream_status(request: HttpRequest, developer: Developer, execution_id: UUID) -> HttpResponseBase:
    """`status.stream`: the run's status as it changes."""
    await run_query(partial(selectors.get_execution, developer, execution_id, whole=False))
    return event_stream(streams.stream_status(execution_id))
