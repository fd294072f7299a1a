"""A chat as an event stream. The chat runs in a task of its own; the response reads from it what is said.

So a chat does not end with its connection: a client that leaves makes it stop and save, and so does one that does not
read; a slow one holds it back. What waits for the client is only what was said: it becomes an event when it is read.
"""

import asyncio
from typing import Any, Self

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from julep_project.core.exception_handler import answer_for
from julep_project.core.sse import KEEP_ALIVE, encode_event, event_of, event_stream
from sessions.backlog import Backlog
from sessions.chat import Chat, ChatCall
from sessions.chat_wire import text_chunk
from sessions.errors import ReaderTooSlow

Json = Any

# Until then an error is an ordinary answer; a chat that waits longer for its turn opens the stream without a reply.
_OPEN_AFTER_S = 10.0
_KEEP_ALIVE_S = 15.0
# Pieces a reader may be behind, and characters in them, before the provider is made to wait.
_BEHIND = 64
_BEHIND_CHARACTERS = 64 * 1024

_tasks: set[asyncio.Task[None]] = set()

Piece = tuple[int, str]
# A piece of a reply, the chunk or the error that ends the stream, or nothing more.
Item = Piece | dict[str, Json] | Exception | None


async def stream_chat(request: HttpRequest, call: ChatCall) -> HttpResponseBase:
    """The response whose events are the reply, open from its first piece on.

    Raises:
        what `Chat.run` raises before anything is said.
    """
    events = ChatEvents(call, request_id=getattr(request, "request_id", ""))
    await events.start()
    return event_stream(events, status=201)


class ChatEvents:
    """The events of one chat, for one reader."""

    def __init__(self, call: ChatCall, *, request_id: str) -> None:
        self._chat = Chat(call, self._hear)
        self._request_id = request_id
        self._loop = asyncio.get_running_loop()
        self._backlog: Backlog[Item] = Backlog(most=_BEHIND, largest=_BEHIND_CHARACTERS)
        self._ready: bytes | None = None
        self._is_read = True
        self._is_over = False

    async def start(self) -> None:
        """Begin the chat and wait for the first event.

        Raises:
            what the chat raises before it.
        """
        task = asyncio.create_task(self._run())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        try:
            first = await self._next(_OPEN_AFTER_S)
        except asyncio.CancelledError:
            self._chat.leave()
            raise
        if isinstance(first, Exception):
            raise first
        self._ready = self._event(first)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        ready, self._ready = self._ready, None
        if ready is None and not self._is_over:
            ready = self._event(await self._next(_KEEP_ALIVE_S))
        if ready is None:
            self._is_over = True
            raise StopAsyncIteration
        return ready

    def close(self) -> None:
        """The response is over, however it ended. Called from any thread."""
        self._loop.call_soon_threadsafe(self._leave)

    async def _run(self) -> None:
        try:
            await self._chat.begin()
            self._backlog.put(self._chat.last_chunk())
        except Exception as error:
            self._backlog.put(error)
        self._backlog.put(None)

    async def _hear(self, index: int, text: str) -> None:
        if self._backlog.is_full:
            await self._wait_for_reader()
        if self._is_read:
            self._backlog.put((index, text), len(text))

    async def _wait_for_reader(self) -> None:
        """Return when there is room, or when the reader is given up; the chat is told to stop then."""
        try:
            async with asyncio.timeout(settings.CHAT_READER_TIMEOUT_S):
                await self._backlog.wait_for_room()
        except TimeoutError:
            self._chat.stop(ReaderTooSlow())
            self._stop_reading()

    def _leave(self) -> None:
        self._chat.leave()
        self._stop_reading()

    def _stop_reading(self) -> None:
        self._is_read = False
        self._backlog.clear()

    async def _next(self, timeout_s: float) -> Item | bytes:
        """What comes next; a comment when there is nothing in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._backlog.get()
        except TimeoutError:
            return KEEP_ALIVE

    def _event(self, item: Item | bytes) -> bytes | None:
        """The event of an item; None at the end."""
        match item:
            case (int() as index, str() as text):
                return event_of(self._chat.envelope.piece(text_chunk(index, text)))
            case Exception():
                answer = answer_for(item, operation="chat", resource="Session", request_id=self._request_id)
                return encode_event(answer.event)
            case dict():
                return encode_event(item)
        return item
