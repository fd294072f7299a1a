"""`/responses`: answers in the form of the OpenAI API."""

from collections.abc import AsyncGenerator, Callable
from functools import partial

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from agents.llm.custom_key import custom_key_of
from agents.models import Developer
from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.api.async_views import api_view, json_response, read_json
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.api.idempotency import work_of
from julep_project.core.api.query import ignored
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import ReaderTooSlow
from julep_project.core.json_value import Json
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_named_event
from julep_project.core.pauses.standing import acheck_intake
from julep_project.core.process.threads import in_thread
from sessions.responses.answering.answer import Answering, answer_whole, encoded
from sessions.responses.answering.following import follow_response
from sessions.responses.answering.planning import begin
from sessions.responses.api.described import (
    DeletedResponseAnswer,
    InputItemsAnswer,
    ResponseAnswer,
    WholeResponseBody,
)
from sessions.responses.models import StoredResponse
from sessions.responses.rows import store
from sessions.responses.rows.listing import list_input_items, read_number
from sessions.responses.wire.body import shown_body
from sessions.responses.wire.ids import response_reference
from sessions.responses.wire.output import Event

_INCLUDE = [OpenApiParameter(name, many=True) for name in ("include", "include[]")]
_EVENTS = [
    OpenApiParameter("stream", OpenApiTypes.BOOL, description="have its events told again"),
    OpenApiParameter("starting_after", OpenApiTypes.INT, description="only those behind this `sequence_number`"),
    *ignored("include_obfuscation"),
]
_PAGE = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100"),
    OpenApiParameter("order", enum=["asc", "desc"]),
    OpenApiParameter("after", description="the id of the item before the page"),
]


@describe_async("response_create", body=WholeResponseBody, answer={200: ResponseAnswer, **SERVER_SENT_EVENTS})
@api_view("POST", keeps_answers=True)
async def create(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """Answer a request, whole, as a stream, or in the background."""
    body = await read_json(request)
    work = work_of(request)
    if work is not None and work.may_be_done:
        row = await run_query(partial(store.find_answer, developer, work.id))
        if row is not None:
            return _told_again(row, body)
        work = work if await run_query(partial(store.is_free, work.id)) else None
    await acheck_intake()
    response_id = None if work is None else work.id
    begun = await begin(developer, body, custom_key_of(request.headers), response_id=response_id)
    asked = begun.plan.request
    if asked.background:
        if begun.is_to_ring:
            await in_thread(store.QUEUED.ring, begun.id)
        if not asked.stream:
            return json_response(shown_body(begun.body, asked.include))
        row = await run_query(partial(store.get_response, developer, str(begun.id)))
        return _stream(follow_response(row, asked.include, -1))
    if asked.stream:
        answering = Answering(begun, live=True)
        return _stream(
            answering.events(),
            stalled=lambda: answering.stop(ReaderTooSlow()),
            failed=lambda: answering.error is not None,
        )
    return json_response(await answer_whole(begun))


def _told_again(row: StoredResponse, body: Json) -> HttpResponseBase:
    """A response that was begun before."""
    if isinstance(body, dict) and body.get("stream"):
        return _stream(follow_response(row, row.include, -1))
    return json_response(shown_body(row.body, row.include))


@describe_async(
    "response_retrieve",
    method="get",
    answer={200: ResponseAnswer, **SERVER_SENT_EVENTS},
    ids=("reference",),
    query=[*_INCLUDE, *_EVENTS],
)
@describe_async("response_delete", method="delete", answer=DeletedResponseAnswer, ids=("reference",))
@api_view("GET", "DELETE")
async def member(request: HttpRequest, developer: Developer, reference: str) -> HttpResponseBase:
    """One response: read it, have its events told again, or delete it."""
    if request.method == "DELETE":
        row = await run_query(partial(store.delete_response, developer, reference))
        return json_response({"id": response_reference(row.pk), "object": "response", "deleted": True})
    row = await run_query(partial(store.get_response, developer, reference))
    include = _include(request, row)
    if request.GET.get("stream", "").lower() == "true":
        return _stream(follow_response(row, include, read_number(request.GET.dict(), "starting_after", usual=-1)))
    return json_response(shown_body(row.body, include))


@describe_async("response_cancel", answer=ResponseAnswer, ids=("reference",))
@api_view("POST")
async def cancel(request: HttpRequest, developer: Developer, reference: str) -> HttpResponseBase:
    """End a response that is being answered."""
    row = await run_query(partial(store.cancel_response, developer, reference))
    return json_response(shown_body(row.body, row.include))


@describe_async(
    "response_input_items", method="get", answer=InputItemsAnswer, ids=("reference",), query=[*_INCLUDE, *_PAGE]
)
@api_view("GET")
async def input_items(request: HttpRequest, developer: Developer, reference: str) -> HttpResponseBase:
    """What a response was made from, page by page."""

    def read() -> dict[str, object]:
        row = store.get_response(developer, reference)
        return list_input_items(developer, row, request.GET.dict(), _include(request, row))

    return json_response(await run_query(read, Threads.READING))


def _stream(
    events: AsyncGenerator[Event, None],
    stalled: Callable[[], None] | None = None,
    failed: Callable[[], bool] = bool,
) -> HttpResponseBase:
    """The events of a response end with one that says how it ended; any other error is told as one."""
    return event_stream(Relay(encoded(events), error_event=_error_event, stalled=stalled, failed=failed))


def _error_event(error: Exception) -> bytes:
    answer = answer_for(error, operation="get", resource="Response").body["error"]
    event = {"type": "error", "code": answer["code"], "message": answer["message"], "param": None}
    return encode_named_event("error", event)


def _include(request: HttpRequest, row: StoredResponse) -> list[str]:
    """What the query asks to be included, beside what the request that made the response did."""
    asked = [name for key in ("include[]", "include") for name in request.GET.getlist(key)]
    return [*row.include, *asked]
