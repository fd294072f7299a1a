"""Follows a response from its first event to its last, and records how it ended, whatever the end is."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from julep_project.core.database import run_query
from julep_project.core.errors import AnswerTimedOut, DomainError, RateLimited
from julep_project.core.json_value import Json
from julep_project.core.live.sse import DONE, encode_named_event
from julep_project.core.process.cancellation import end_tasks, uninterrupted
from julep_project.core.process.panics import contained
from julep_project.core.storage_errors import as_domain_error
from julep_project.core.telemetry.registry import RESPONSES
from sessions.responses.answering.planning import Begun
from sessions.responses.answering.run import ResponseRun
from sessions.responses.models import ResponseStatus
from sessions.responses.rows.conversation_items import add_turn
from sessions.responses.rows.store import LEASES, end_response, wait_until_ended
from sessions.responses.wire.body import ended_body, error_of, shown_body
from sessions.responses.wire.output import Event

log = logging.getLogger(__name__)


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


class ToBeRepeated(Exception):
    """The model's provider wants to be asked later, and nothing was said yet: nothing is recorded."""

    def __init__(self, error: RateLimited) -> None:
        super().__init__(error.message)
        self.error = error


async def answer_whole(begun: Begun, *, may_wait: bool = False) -> dict[str, Json]:
    """The response once it has ended. `may_wait`: the caller can repeat the call later.

    Raises:
        DomainError: it could not be answered; that is recorded.
        ToBeRepeated
        DatabaseError: in the middle of it, and the caller may wait; or its end could not be recorded.
    """
    answering = Answering(begun, live=False, may_wait=may_wait)
    async with aclosing(answering.events()) as events:
        async for _ in events:
            pass
    if answering.error is not None:
        raise answering.error
    return answering.body


class Answering:
    """One response while it is answered by this process."""

    def __init__(self, begun: Begun, *, live: bool, may_wait: bool = False) -> None:
        self.body = shown_body(begun.body, begun.plan.request.include)
        self.error: DomainError | None = None
        self._begun = begun
        self._include = begun.plan.request.include
        self._may_wait = may_wait
        self._run = ResponseRun(begun.plan, live=live)
        self._ending: asyncio.Future[DomainError] = asyncio.get_running_loop().create_future()
        self._began = time.monotonic()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Every event, numbered. The end is recorded before the last one is given. Closing the generator early counts
        as cancelling."""
        number = 0
        timer = asyncio.get_running_loop().call_later(settings.CHAT_TIMEOUT_S, self.stop, AnswerTimedOut())
        try:
            async with aclosing(self._unnumbered()) as events:
                async for event in events:
                    yield numbered(event, number)
                    number += 1
        finally:
            timer.cancel()

    def stop(self, why: DomainError) -> None:
        """Let the response fail with what was said until now. The first reason counts."""
        if not self._ending.done():
            self._ending.set_result(why)

    async def _unnumbered(self) -> AsyncGenerator[Event, None]:
        reason = None
        with ExitStack() as held:
            if self._begun.held is not None:
                held.enter_context(LEASES.holding(self._begun.held))
            log.info("response started", extra={"response": self.body["id"]})
            try:
                for event in first_events(self.body):
                    yield event
                with contained():
                    async with aclosing(self._items()) as events:
                        async for event in events:
                            yield event
                reason = self._run.incomplete_reason
                status = ResponseStatus.INCOMPLETE if reason else ResponseStatus.COMPLETED
            except EndedElsewhere:
                status = ResponseStatus.CANCELLED
            except DomainError as error:
                if isinstance(error, RateLimited) and self._may_wait and not self._run.output:
                    raise ToBeRepeated(error) from error
                self.error, status = error, ResponseStatus.FAILED
            except DatabaseError as error:
                if self._may_wait:
                    raise
                known = as_domain_error(error, operation="create", resource="Response")
                self.error, status = known or InternalError(), ResponseStatus.FAILED
                log.warning("response failed", exc_info=True, extra={"response": self.body["id"]})
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
            EndedElsewhere, DomainError: among them why it is to stop.
        """
        ended = asyncio.ensure_future(self._ended())
        events = self._run.events()
        upcoming: asyncio.Future[Event] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(events))
                any_of: list[asyncio.Future[Any]] = [upcoming, ended, self._ending]
                await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    ended.result()
                    raise EndedElsewhere
                if self._ending.done():
                    raise self._ending.result()
                arrived, upcoming = upcoming, None
                try:
                    event = arrived.result()
                except StopAsyncIteration:
                    return
                yield event
        finally:
            await end_tasks(ended, *([] if upcoming is None else [upcoming]))
            await events.aclose()

    async def _ended(self) -> None:
        if self._begun.held is not None:
            await wait_until_ended(self._begun.id, held=self._begun.held)
        else:
            await asyncio.Event().wait()

    async def _end(self, status: ResponseStatus, reason: str | None = None) -> None:
        tier = {"service_tier": self._run.service_tier} if isinstance(self._run.service_tier, str) else {}
        body = ended_body(
            {**self._begun.body, **tier},
            status=status.value,
            output=self._run.output,
            usage=self._run.usage(),
            error=None if self.error is None else error_of(self.error),
            reason=reason,
        )
        if self._begun.held is not None:
            body = await run_query(partial(end_response, self._begun.held, body))
        elif (conversation_id := self._begun.plan.request.conversation_id) is not None:
            await run_query(partial(add_turn, conversation_id, self._begun.plan.request.items, body))
        self.body = shown_body(body, self._include)
        self._note_end(status)

    def _note_end(self, status: ResponseStatus) -> None:
        RESPONSES.add(status.value)
        seconds = round(time.monotonic() - self._began, 3)
        fields = {"response": self.body["id"], "status": status.value, "seconds": seconds}
        if self.error is not None:
            fields["error_type"] = type(self.error).__name__
        level = logging.WARNING if status is ResponseStatus.FAILED else logging.INFO
        log.log(level, "response ended", extra=fields)


def first_events(body: Json) -> list[Event]:
    """What every stream begins with: the response without an answer."""
    bare = ended_body(body, status=ResponseStatus.IN_PROGRESS.value, output=(), usage=None)
    return [{"type": kind, "response": bare} for kind in ("response.created", "response.in_progress")]


def last_event(body: Json) -> Event:
    """What every stream ends with."""
    return {"type": _LAST_EVENTS[ResponseStatus(body["status"])], "response": body}


def numbered(event: Event, number: int) -> Event:
    """The event with its place in the stream."""
    return {"type": event["type"], "sequence_number": number, **event}


class SentStream:
    """Events as they are sent. How clients know that nothing more comes is told with the last event: a reader that was
    given up gets what is told last."""

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self.next_number = 0
        """The place of what would be told next."""

    async def encoded(self) -> AsyncGenerator[bytes, None]:
        """The bytes of each event."""
        is_over = False
        async with aclosing(self._events) as events:
            async for event in events:
                self.next_number = event["sequence_number"] + 1
                is_over = event["type"] in _LAST_EVENTS.values()
                yield encode_named_event(event["type"], event) + (DONE if is_over else b"")
        if not is_over:
            yield DONE
