"""Event streams with one reader each, made by work that does not end with their connection.

What was said waits for the reader; one that is behind holds the work back, and one that stays behind is given up. There
is no other way to open a stream.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, ClassVar, Generic, Self, TypeVar

from django.conf import settings
from django.http import StreamingHttpResponse

from julep_project.core.api.auth import current_principal
from julep_project.core.errors import AnswerTimedOut, DomainError, ReaderTooSlow
from julep_project.core.live.admitted import watch
from julep_project.core.live.backlog import Backlog
from julep_project.core.live.sse import KEEP_ALIVE
from julep_project.core.process.panics import contained

# Until then an error is an ordinary answer; work that takes longer opens the stream without having said anything.
_OPEN_AFTER_S = 10.0
# A stream says nothing for this long at most; proxies take longer silence for the end.
_KEEP_ALIVE_S = 15.0
# Items a reader may be behind, and their size, before it holds the work back.
_BEHIND = 64
_BEHIND_SIZE = 64 * 1024

_tasks: set[asyncio.Task[None]] = set()

Item = TypeVar("Item")


class _End:
    """Comes after the last item."""


_END = _End()


class Reader(Generic[Item]):
    """What is told to one reader: the items of the work, at their end perhaps an exception. Iterating gives events.

    An item becomes an event when it is read. `stalled` is called when the reader does not read for longer than
    `CHAT_READER_TIMEOUT_S`, `left` when the connection has ended, however it did; both are to end the work, and only
    what is told last is kept for the reader from then on.
    """

    # What is said where there is nothing to say for long.
    keep_alive: ClassVar[bytes] = KEEP_ALIVE

    def __init__(
        self, encode: Callable[[Item | Exception], bytes], *, stalled: Callable[[], None], left: Callable[[], None]
    ) -> None:
        self._encode = encode
        self._stalled = stalled
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._backlog: Backlog[Item | Exception | _End] = Backlog(most=_BEHIND, largest=_BEHIND_SIZE)
        self._first: Item | Exception | _End | None = None
        self._unread: Item | None = None
        self._is_read = True
        self._has_begun = asyncio.Event()
        self._is_over = False
        self._has_failed = False

    async def open(self) -> None:
        """Wait for the first item, or for so long that the stream has to be opened without one.

        Raises:
            the exception, if that comes first.
        """
        try:
            first = await self._next(_OPEN_AFTER_S)
        except asyncio.CancelledError:
            self._leave()
            raise
        if isinstance(first, Exception):
            raise first
        self._first = first

    async def tell(self, item: Item, size: int) -> None:
        """Tell the reader something, once it is not too far behind."""
        if self._is_read and self._backlog.is_full:
            await self._wait_until_read()
        if self._is_read:
            self._backlog.put(item, size)
        else:
            self._unread = item

    def end(self, *last: Item | Exception) -> None:
        """Tell it the last things, without waiting."""
        for item in last or (() if self._unread is None else (self._unread,)):
            self._backlog.put(item)
        self._backlog.put(_END)

    @property
    def has_failed(self) -> bool:
        """Whether the reader was told of an error."""
        return self._has_failed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        item, self._first = self._first, None
        if item is None:
            item = await self._next(_KEEP_ALIVE_S)
        if isinstance(item, _End):
            self._is_over = True
            raise StopAsyncIteration
        self._has_failed |= isinstance(item, Exception)
        return self.keep_alive if item is None else self._encode(item)

    def refuse(self, why: DomainError) -> None:
        """Tell the reader why nothing more is said to it, and end the work as if it had left."""
        self._stop_reading()
        self.end(why)
        self._left()

    def close(self) -> None:
        """The response is over, however it ended. Called from any thread."""
        self._loop.call_soon_threadsafe(self._leave)

    async def _wait_until_read(self) -> None:
        # Nobody can read a stream before the server asks for its first piece.
        await self._has_begun.wait()
        try:
            async with asyncio.timeout(settings.CHAT_READER_TIMEOUT_S):
                await self._backlog.wait_for_room()
        except TimeoutError:
            self._stop_reading()
            self._stalled()
            # Work that is cancelled hears of it now, although it may never wait for anything again.
            await asyncio.sleep(0)

    def _leave(self) -> None:
        self._stop_reading()
        self._left()

    def _stop_reading(self) -> None:
        self._is_read = False
        self._has_begun.set()
        self._backlog.clear()

    async def _next(self, timeout_s: float) -> Item | Exception | _End | None:
        """What comes next; None when there is nothing in time."""
        self._has_begun.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._backlog.get()
        except TimeoutError:
            return None


class Relay(Reader[bytes]):
    """Reads a generator of events in a task of its own and tells them.

    With `timeout_s` it ends the generator after that time. `stalled` stands in for what is done with a reader that
    does not read, which is to end the generator. An exception becomes the event that `error_event` makes of it. Of
    errors that are events of the generator, `failed` knows.
    """

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        *,
        error_event: Callable[[Exception], bytes],
        timeout_s: float | None = None,
        stalled: Callable[[], None] | None = None,
        failed: Callable[[], bool] = bool,
    ) -> None:
        super().__init__(
            lambda item: error_event(item) if isinstance(item, Exception) else item,
            stalled=stalled or self._give_up,
            left=self._cancel,
        )
        self._why: DomainError | None = None
        self._failed = failed
        self._timer = None if timeout_s is None else self._loop.call_later(timeout_s, self._stop, AnswerTimedOut())
        self._task = in_background(self._relay(events))

    @property
    def has_failed(self) -> bool:
        """Whether the reader was told of an error, in whatever form."""
        return super().has_failed or self._failed()

    async def _relay(self, events: AsyncGenerator[bytes, None]) -> None:
        try:
            with contained():
                async with aclosing(events):
                    async for event in events:
                        await self.tell(event, len(event))
        except asyncio.CancelledError:
            if self._why is None:
                self.end()
                raise
            self.end(self._why)
        except Exception as error:
            self.end(error)
        else:
            self.end()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _give_up(self) -> None:
        self._stop(ReaderTooSlow())

    def _stop(self, why: DomainError) -> None:
        """End the work. The first reason counts."""
        if self._why is None:
            self._why = why
            self._task.cancel()

    def _cancel(self) -> None:
        self._task.cancel()


class Lines(Relay):
    """The same with JSON lines in the place of events."""

    keep_alive = b"\n"


def line_stream(reader: Lines) -> StreamingHttpResponse:
    """A response of JSON lines, never buffered on its way."""
    return _stream(reader, 200, "application/x-ndjson")


def event_stream(reader: Reader[Any], status: int = 200) -> StreamingHttpResponse:
    """A response of events, never buffered on its way."""
    return _stream(reader, status, "text/event-stream")


def _stream(reader: Reader[Any], status: int, content_type: str) -> StreamingHttpResponse:
    """It ends soon after its caller would be refused."""
    principal = current_principal()
    if principal is not None and principal.admission is not None:
        watch(reader, principal.admission)
    response = StreamingHttpResponse(reader, status=status, content_type=content_type)
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    served: Any = response
    served.reader = reader
    return response


def in_background(work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
    """Work that goes on by itself. The loop itself would not keep it."""
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task
