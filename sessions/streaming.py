"""A chat as an event stream. The chat runs in a task of its own; the response reads from it what is said.

So a chat does not end with its connection: a client that leaves makes it stop and save, a slow one holds it back.
"""

import asyncio
from typing import Self

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from julep_project.core.exception_handler import answer_for
from julep_project.core.sse import KEEP_ALIVE, encode_event, event_stream
from sessions.chat import Chat, ChatCall
from sessions.chat_wire import text_chunk

# Until then an error is an ordinary answer; a chat that waits longer for its turn opens the stream without a reply.
_OPEN_AFTER_S = 10.0
_KEEP_ALIVE_S = 15.0
# Pieces a reader may be behind before the provider is made to wait.
_BEHIND = 64

_tasks: set[asyncio.Task[None]] = set()


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
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_BEHIND)
        self._ready: bytes | None = None
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
        self._ready = first

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        event = None if self._is_over else await self._next(_KEEP_ALIVE_S)
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, Exception):
            self._is_over = True
            return self._error_event(event)
        return event

    def close(self) -> None:
        """The response is over, however it ended. Called from any thread."""
        self._loop.call_soon_threadsafe(self._leave)

    async def _run(self) -> None:
        try:
            await self._chat.begin()
            await self._put(encode_event(self._chat.last_chunk()))
        except Exception as error:
            await self._put(error)
        await self._put(None)

    async def _hear(self, index: int, text: str) -> None:
        await self._put(encode_event(self._chat.envelope.around([text_chunk(index, text)], None)))

    async def _put(self, event: bytes | Exception | None) -> None:
        if not self._is_over:
            await self._queue.put(event)

    def _error_event(self, error: Exception) -> bytes:
        return encode_event(answer_for(error, operation="chat", resource="Session", request_id=self._request_id).body)

    def _leave(self) -> None:
        self._is_over = True
        self._chat.leave()
        while not self._queue.empty():
            self._queue.get_nowait()

    async def _next(self, timeout_s: float) -> bytes | Exception | None:
        """The next event; a comment when there is none in time; None at the end."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._queue.get()
        except TimeoutError:
            return KEEP_ALIVE
