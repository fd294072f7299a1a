"""How many bytes a provider may send, and in what pieces they reach the client library.

Hooks of the HTTP clients put a count around the body of every answer before anybody reads it: of answers, vectors and
errors as of streams, and of what they become when they are unpacked.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import cast

import httpx
from django.conf import settings

from agents.llm.providers.provider_answers import (
    LONGEST_PROSE,
    OPENAI_CLIENT,
    Asked,
    check_bytes,
    check_whole,
    check_whole_async,
    is_asked,
)
from julep_project.core.errors import ReplyTooLong
from julep_project.core.http.body import Inflater, known_codings
from julep_project.core.http.errors import BadResponse

# A stream wraps every few words in some hundred bytes, and nobody holds all of it. The work that the lines of one
# event make is also counted in answers.
STREAM_IN_ANSWERS = 16
_EVENT_IN_ANSWERS = 16
_CODINGS = "gzip, deflate"
_LONG_LINE = 64 * 1024
# As the decoder of the OpenAI client sees it.
_END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r(?!\n)")
_LONGEST_END = 4
# Fields of an event, beside its data. Nobody spreads a long one over more lines.
_LINES_OF_LONG_EVENT = 8


def watch(client: httpx.Client) -> httpx.Client:
    """Bound all answers this client gets. Reading one raises `ReplyTooLong` at the first byte too many."""
    client.headers["Accept-Encoding"] = _CODINGS
    client.event_hooks = {"response": [_bound]}
    return client


def watch_async(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same of an async client."""
    client.headers["Accept-Encoding"] = _CODINGS
    client.event_hooks = {"response": [_bound_async]}
    return client


def _bound(response: httpx.Response) -> None:
    response.stream = _Body(cast(httpx.SyncByteStream, response.stream), _AnswerBytes(response))
    if not _is_streamed(response):
        check_whole(response)


async def _bound_async(response: httpx.Response) -> None:
    response.stream = _AsyncBody(cast(httpx.AsyncByteStream, response.stream), _AnswerBytes(response))
    if not _is_streamed(response):
        await check_whole_async(response)


def _is_streamed(response: httpx.Response) -> bool:
    return is_asked(Asked.STREAM) and response.is_success


class _Body(httpx.SyncByteStream):
    def __init__(self, source: httpx.SyncByteStream, counted: "_AnswerBytes") -> None:
        self._source, self._counted = source, counted

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._source:
            yield from self._counted.feed(piece)
        yield from self._counted.end()

    def close(self) -> None:
        self._source.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, source: httpx.AsyncByteStream, counted: "_AnswerBytes") -> None:
        self._source, self._counted = source, counted

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._source:
            for known in self._counted.feed(piece):
                yield known
                # Unpacked, what came at once may be a thousand times as much; the reader waits for none of it.
                await asyncio.sleep(0)
        for known in self._counted.end():
            yield known

    async def aclose(self) -> None:
        await self._source.aclose()


class _AnswerBytes:
    """Counts the bytes of one answer, as sent and unpacked, and cuts those of a stream into lines."""

    def __init__(self, response: httpx.Response) -> None:
        is_streamed = _is_streamed(response)
        self._request = response.request
        self._most = settings.MAX_REPLY_BYTES * (STREAM_IN_ANSWERS if is_streamed else 1)
        self._inflaters = [Inflater(coding) for coding in _taken_codings(response)]
        self._counts = [0] * (len(self._inflaters) + 1)
        self._lines = _Lines(response.request, _come_as_events(response)) if is_streamed else None
        # What is said of a refusal; its status counts, whatever else is in it.
        self._prose_left = None if response.is_success else LONGEST_PROSE

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What the library gets of one more piece.

        Raises:
            ReplyTooLong, httpx.DecodingError
        """
        try:
            yield from self._unpacked(0, piece)
        except BadResponse as error:
            raise httpx.DecodingError(str(error), request=self._request) from error

    def end(self) -> Iterator[bytes]:
        """What it gets when the last piece was taken in."""
        try:
            for position, inflater in enumerate(self._inflaters):
                for piece in inflater.end():
                    yield from self._unpacked(position + 1, piece)
        except BadResponse as error:
            raise httpx.DecodingError(str(error), request=self._request) from error
        if self._lines is not None:
            yield from self._lines.end()

    def _unpacked(self, position: int, piece: bytes) -> Iterator[bytes]:
        self._counts[position] += len(piece)
        if self._counts[position] > self._most:
            raise ReplyTooLong(f"The model provider sent more than {self._most} bytes (setting MAX_REPLY_BYTES)")
        if position < len(self._inflaters):
            for inner in self._inflaters[position].feed(piece):
                yield from self._unpacked(position + 1, inner)
        elif self._lines is not None:
            yield from self._lines.feed(piece)
        elif self._prose_left is None:
            yield piece
        elif self._prose_left > 0:
            yield piece[: self._prose_left]
            self._prose_left -= len(piece)


class _Lines:
    """Passes a stream on in whole lines, as many at a time as have come.

    Readers put a line together from its pieces, and the OpenAI client an event from its lines, copying at each what
    they have. So none gets a piece of a line, and the copies that an event costs are counted before they are made.
    """

    def __init__(self, request: httpx.Request, are_events: bool) -> None:
        self._request = request
        self._are_events = are_events
        self._most = settings.MAX_REPLY_BYTES
        self._line = bytearray()
        self._event_bytes = self._event_lines = self._event_copies = 0
        self._last = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that end in the piece, at once.

        Raises:
            ReplyTooLong: a line or an event is too long.
            httpx.DecodingError: a line holds too much JSON.
        """
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if end == 0:
            self._hold(piece)
            return
        first_end = min(found for found in (piece.find(b"\n"), piece.find(b"\r")) if found >= 0)
        self._hold(piece[:first_end])
        yield from self.end(piece[first_end:end])
        self._hold(piece[end:])

    def end(self, rest: bytes = b"") -> Iterator[bytes]:
        """The line that is held, and the rest."""
        if len(self._line) > _LONG_LINE:
            check_bytes(bytes(self._line), self._request)
        lines = bytes(self._line) + rest
        self._line.clear()
        if self._are_events:
            self._count_events(lines)
        if lines:
            yield lines

    def _hold(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) > self._most:
            raise ReplyTooLong(f"The model provider sent a line of more than {self._most} bytes in a stream")

    def _count_events(self, lines: bytes) -> None:
        text, start = self._last + lines, len(self._last)
        last_end = 0
        for found in _END_OF_EVENT.finditer(text):
            self._count_event(text[start : found.end()])
            self._event_bytes = self._event_lines = self._event_copies = 0
            start = last_end = max(found.end(), start)
        self._count_event(text[start:])
        self._last = text[max(last_end, len(text) - _LONGEST_END) :]

    def _count_event(self, lines: bytes) -> None:
        ends = lines.count(b"\n") + lines.count(b"\r")
        self._event_bytes += len(lines)
        self._event_lines += ends
        self._event_copies += ends * self._event_bytes
        is_spread = self._event_bytes > _LONG_LINE and self._event_lines > _LINES_OF_LONG_EVENT
        if is_spread or self._event_bytes > self._most or self._event_copies > self._most * _EVENT_IN_ANSWERS:
            raise ReplyTooLong("The model provider sent an event that is too long, or of too many lines")


def _come_as_events(response: httpx.Response) -> bool:
    kind = str(response.headers.get("content-type", "")).lower()
    return "event-stream" in kind or OPENAI_CLIENT in response.request.headers


def _taken_codings(response: httpx.Response) -> list[str]:
    """The codings to undo here, after which the library finds none.

    Raises:
        httpx.DecodingError: there is one that nobody asked for.
    """
    header = response.headers.pop("content-encoding", "")
    try:
        known = known_codings(header)
    except BadResponse as error:
        raise httpx.DecodingError(str(error), request=response.request) from error
    named = [name for name in header.lower().replace(" ", "").split(",") if name not in {"", "identity"}]
    if len(known) != len(named):
        raise httpx.DecodingError(f"the answer is encoded as {header[:100]}", request=response.request)
    return known
