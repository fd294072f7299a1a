"""How many bytes a provider may send, and in what pieces they reach the client library.

Hooks of the HTTP clients put a count around the body of every answer before anybody reads it: of answers, vectors and
errors as of streams, and of what they become when they are unpacked.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import cast

import httpx
from django.conf import settings

from agents.llm.providers.lines import Frames, Lines
from agents.llm.providers.mended_bodies import mended_whole
from agents.llm.providers.provider_answers import (
    LONGEST_PROSE,
    Asked,
    StreamEnd,
    check_whole,
    check_whole_async,
    is_asked,
    reads_events,
    stream_end,
)
from agents.llm.providers.stop_texts import stopped_by
from julep_project.core.errors import ReplyTooLong
from julep_project.core.http.body import Inflater, known_codings
from julep_project.core.http.errors import BadResponse

# A stream wraps every few words in some hundred bytes, and nobody holds all of it.
STREAM_IN_ANSWERS = 16
_CODINGS = "gzip, deflate"
_EVENTS = ("event-stream", "application/json")
_FRAMES = "vnd.amazon.eventstream"


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
        self._answer_end = stream_end()
        self._lines = _lines_of(response, self._answer_end) if is_streamed else None
        self._whole: list[bytes] | None = None if is_streamed or not response.is_success else []
        # What is said of a refusal; its status counts, whatever else is in it.
        self._prose_left = LONGEST_PROSE

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
        elif self._whole is not None:
            whole = b"".join(self._whole)
            self._answer_end.stopped_by = stopped_by(whole)
            yield mended_whole(whole)

    def _unpacked(self, position: int, piece: bytes) -> Iterator[bytes]:
        self._counts[position] += len(piece)
        if self._counts[position] > self._most:
            raise ReplyTooLong(f"The model provider sent more than {self._most} bytes (setting MAX_REPLY_BYTES)")
        if position < len(self._inflaters):
            for inner in self._inflaters[position].feed(piece):
                yield from self._unpacked(position + 1, inner)
        elif self._lines is not None:
            yield from self._lines.feed(piece)
        elif self._whole is not None:
            self._whole.append(piece)
        elif self._prose_left > 0:
            yield piece[: self._prose_left]
            self._prose_left -= len(piece)


def _lines_of(response: httpx.Response, end: StreamEnd) -> Lines | Frames:
    kind = str(response.headers.get("content-type", "")).lower()
    if _FRAMES in kind:
        return Frames(response.request)
    # What is sent as JSON is an answer that came whole, or is said to be.
    are_events = reads_events(response.request) or any(name in kind for name in _EVENTS)
    return Lines(response.request, end, are_events=are_events)


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
