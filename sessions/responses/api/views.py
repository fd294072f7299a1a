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
from julep_project.core.live.sse import DONE, encode_named_event
from julep_project.core.pauses.standing import acheck_intake
from julep_project.core.process.threads import in_thread
from sessions.responses.answering import compacting
from sessions.responses.answering.answer import Answering, SentStream, answer_whole, numbered
from sessions.responses.answering.counting import count_input_tokens
from sessions.responses.answering.following import follow_response
from sessions.responses.answering.planning import begin
from sessions.responses.api.described import (
    CompactedAnswer,
    CountedAnswer,
    DeletedResponseAnswer,
    InputItemsAnswer,
    ResponseAnswer,
    WholeCompactionBody,
    WholeCountBody,
    WholeResponseBody,
)
from sessions.responses.api.queries import INCLUDE, PAGE, read_flag, read_include
from sessions.responses.models import StoredResponse
from sessions.responses.rows import store
from sessions.responses.rows.listing import list_input_items, read_number, read_page
from sessions.responses.wire.body import shown_body
from sessions.responses.wire.ids import response_reference
from sessions.responses.wire.output import Event

_EVENTS = [
    OpenApiParameter("stream", OpenApiTypes.BOOL, description="have its events told again"),
    OpenApiParameter("starting_after", OpenApiTypes.INT, description="only those behind this `sequence_number`"),
    *ignored("include_obfuscation"),
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


@describe_async("response_compact", body=WholeCompactionBody, answer=CompactedAnswer)
@api_view("POST")
async def compact(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """What a conversation comes down to, to be sent in its place: the messages of the user, and a summary that only
    this server reads."""
    body = await read_json(request)
    await acheck_intake()
    return json_response(await compacting.compact(developer, body, custom_key_of(request.headers)))


@describe_async("response_input_tokens", body=WholeCountBody, answer=CountedAnswer)
@api_view("POST")
async def input_tokens(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """How many tokens a request would have. No model is asked."""
    return json_response(await count_input_tokens(developer, await read_json(request)))


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
    query=[*INCLUDE, *_EVENTS],
)
@describe_async(
    "response_delete",
    method="delete",
    answer=DeletedResponseAnswer,
    ids=("reference",),
    text="Delete a response. Those that follow it keep working.",
)
@api_view("GET", "DELETE")
async def member(request: HttpRequest, developer: Developer, reference: str) -> HttpResponseBase:
    """One response, or with `stream` its events again, from behind `starting_after`."""
    if request.method == "DELETE":
        row = await run_query(partial(store.delete_response, developer, reference))
        return json_response({"id": response_reference(row.pk), "object": "response", "deleted": True})
    row = await run_query(partial(store.get_response, developer, reference))
    include = _include(request, row)
    if read_flag(request.GET, "stream"):
        return _stream(follow_response(row, include, read_number(request.GET.dict(), "starting_after", usual=-1)))
    return json_response(shown_body(row.body, include))


@describe_async("response_cancel", answer=ResponseAnswer, ids=("reference",))
@api_view("POST")
async def cancel(request: HttpRequest, developer: Developer, reference: str) -> HttpResponseBase:
    """End a response that is being answered."""
    row = await run_query(partial(store.cancel_response, developer, reference))
    return json_response(shown_body(row.body, row.include))


@describe_async(
    "response_input_items", method="get", answer=InputItemsAnswer, ids=("reference",), query=[*INCLUDE, *PAGE]
)
@api_view("GET")
async def input_items(request: HttpRequest, developer: Developer, reference: str) -> HttpResponseBase:
    """What a response was made from, page by page."""

    def read() -> dict[str, object]:
        row = store.get_response(developer, reference)
        return list_input_items(developer, row, read_page(request.GET.dict()), _include(request, row))

    return json_response(await run_query(read, Threads.READING))


def _stream(
    events: AsyncGenerator[Event, None],
    stalled: Callable[[], None] | None = None,
    failed: Callable[[], bool] = bool,
) -> HttpResponseBase:
    """The events of a response end with one that says how it ended; any other error is told as one."""
    sent = SentStream(events)
    error_event = partial(_error_event, sent)
    return event_stream(Relay(sent.encoded(), error_event=error_event, stalled=stalled, failed=failed))


def _error_event(sent: SentStream, error: Exception) -> bytes:
    told = answer_for(error, operation="get", resource="Response").body["error"]
    param = getattr(error, "param", None)
    event = numbered(
        {"type": "error", "code": told["code"], "message": told["message"], "param": param}, sent.next_number
    )
    return encode_named_event("error", event) + DONE


def _include(request: HttpRequest, row: StoredResponse) -> list[str]:
    """What the query asks to be included, beside what the request that made the response did."""
    return [*row.include, *read_include(request.GET)]
