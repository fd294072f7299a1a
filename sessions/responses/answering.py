"""Follows a response from its first event to its last, and records how it ended, whatever the end is."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from functools import partial
from typing import Any

from julep_project.core.cancellation import uninterrupted
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError
from julep_project.core.sse import KEEP_ALIVE, encode_named_event
from sessions.models import ResponseStatus
from sessions.responses.output import Event
from sessions.responses.planning import Begun
from sessions.responses.run import ResponseRun
from sessions.responses.store import KEEPER, end_response, wait_until_ended
from sessions.responses.wire import ended_body, error_of, shown_body

log = logging.getLogger(__name__)

Json = Any

# A stream says nothing for this long at most; proxies take longer silence for the end.
SILENCE_S = 15.0
SILENCE: Event = {}

_LAST_EVENTS = {
    ResponseStatus.COMPLETED: "response.completed",
    ResponseStatus.FAILED: "response.failed",
    ResponseStatus.INCOMPLETE: "response.incomplete",
    ResponseStatus.CANCELLED: "response.incomplete",
}


class InternalError(DomainError):
    """Internal server error"""

    status = 500


class EndedElsewhere(Exception):
    """Somebody cancelled or deleted the response, or took it over."""


async def answer_whole(begun: Begun) -> dict[str, Json]:
    """The response once it has ended.

    Raises:
        DomainError: it could not be answered; that is recorded.
    """
    answering = Answering(begun, live=False)
    async with aclosing(answering.events()) as events:
        async for _ in events:
            pass
    if answering.error is not None:
        raise answering.error
    return answering.body


class Answering:
    """One response while it is answered by this process."""

    def __init__(self, begun: Begun, *, live: bool) -> None:
        self.body = shown_body(begun.body, begun.plan.request.include)
        self.error: DomainError | None = None
        self._begun = begun
        self._include = begun.plan.request.include
        self._run = ResponseRun(begun.plan, live=live)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Every event, numbered; `SILENCE` where there is none for a while. The end is recorded before the last one is
        given. Closing the generator early counts as cancelling."""
        number = -1
        async with aclosing(self._unnumbered()) as events:
            async for event in events:
                if event is not SILENCE:
                    number += 1
                    event = numbered(event, number)
                yield event

    async def _unnumbered(self) -> AsyncGenerator[Event, None]:
        reason = None
        with ExitStack() as held:
            if self._begun.is_stored:
                held.enter_context(KEEPER.holding(self._begun.id))
            try:
                for event in first_events(self.body):
                    yield event
                async with aclosing(self._items()) as events:
                    async for event in events:
                        yield event
                reason = self._run.incomplete_reason
                status = ResponseStatus.INCOMPLETE if reason else ResponseStatus.COMPLETED
            except EndedElsewhere:
                status = ResponseStatus.CANCELLED
            except DomainError as error:
                self.error, status = error, ResponseStatus.FAILED
            except Exception:
                log.exception("response failed", extra={"action": "response_failed", "response": self.body["id"]})
                self.error, status = InternalError(), ResponseStatus.FAILED
            except BaseException:
                # The client has left.
                self._run.cut()
                await uninterrupted(self._end(ResponseStatus.CANCELLED))
                raise
            closing = self._run.cut()
            await uninterrupted(self._end(status, reason))
        for event in [*closing, last_event(self.body)]:
            yield event

    async def _items(self) -> AsyncGenerator[Event, None]:
        """The events of the run, until it ends or somebody ends it.

        Raises:
            EndedElsewhere, DomainError
        """
        ended = asyncio.ensure_future(self._ended())
        events = self._run.events()
        upcoming: asyncio.Future[Event] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(events))
                either: list[asyncio.Future[Any]] = [upcoming, ended]
                await asyncio.wait(either, timeout=SILENCE_S, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    ended.result()
                    raise EndedElsewhere
                if not upcoming.done():
                    yield SILENCE
                    continue
                arrived, upcoming = upcoming, None
                try:
                    event = arrived.result()
                except StopAsyncIteration:
                    return
                yield event
        finally:
            ended.cancel()
            if upcoming is not None:
                upcoming.cancel()
                await asyncio.gather(upcoming, return_exceptions=True)
            await events.aclose()

    async def _ended(self) -> None:
        if self._begun.is_stored:
            await wait_until_ended(self._begun.id)
        else:
            await asyncio.Event().wait()

    async def _end(self, status: ResponseStatus, reason: str | None = None) -> None:
        body = ended_body(
            self._begun.body,
            status=status.value,
            output=self._run.output,
            usage=self._run.usage(),
            error=None if self.error is None else error_of(self.error),
            reason=reason,
        )
        if self._begun.is_stored:
            body = await run_query(partial(end_response, self._begun.id, body))
        self.body = shown_body(body, self._include)


def first_events(body: Json) -> list[Event]:
    """What every stream begins with: the response without an answer."""
    bare = {
        **body,
        "status": ResponseStatus.IN_PROGRESS.value,
        "output": [],
        "usage": None,
        "error": None,
        "incomplete_details": None,
    }
    return [{"type": kind, "response": bare} for kind in ("response.created", "response.in_progress")]


def last_event(body: Json) -> Event:
    """What every stream ends with."""
    return {"type": _LAST_EVENTS[ResponseStatus(body["status"])], "response": body}


def numbered(event: Event, number: int) -> Event:
    """The event with its place in the stream."""
    return {"type": event["type"], "sequence_number": number, **event}


async def encoded(events: AsyncGenerator[Event, None]) -> AsyncIterator[bytes]:
    """The stream as it is sent."""
    async with aclosing(events):
        async for event in events:
            yield KEEP_ALIVE if event is SILENCE else encode_named_event(event["type"], event)
