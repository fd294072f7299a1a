"""What a provider sends, looked at before the client library builds anything of it, and the way from the library's
objects to plain JSON."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any

import httpx

from agents.llm.openai_protocol.asking import READ_AS_EVENTS
from julep_project.core.errors import ModelUnavailable
from julep_project.core.json_value import Json
from julep_project.core.reading.outside_json import Bounds, TooMuchJson, check_json

# The libraries build some objects for each part of an answer, in milliseconds for a hundred. Each of the calls that are
# carried out has two containers; probabilities, where they are asked for, one or more for each word.
_BOUNDS = Bounds(containers=5_000)
_WITH_PROBABILITIES = Bounds()
_ASKS_FOR_PROBABILITIES = b"logprobs"
# Two thousand embeddings of three thousand numbers are an ordinary answer. What comes of it is read in one go.
_VECTOR_BOUNDS = Bounds(containers=20_000, elements=7_000_000)
# Streams have types of their own; to read one here would hold all of it back.
_STREAMS = ("event", "lines", "ndjson", "seq", "stream")
# The OpenAI client reads as one text what it did not ask for as a stream. It is known by its headers.
_OPENAI_CLIENT = "x-stainless-lang"
# The libraries repeat in errors what a provider sent, and copy and search it. Nobody reads more of one.
LONGEST_PROSE = 64 * 1024
_LOOKS_LIKE_JSON = re.compile(rb"\s*[{\[]")


class Asked(Enum):
    """What a provider is asked for."""

    ANSWER = "a whole answer"
    STREAM = "an answer in pieces"
    VECTORS = "vectors"


_asked: ContextVar[Asked] = ContextVar("asked", default=Asked.ANSWER)


@contextmanager
def asking_for(what: Asked) -> Iterator[None]:
    """Whatever is asked of a provider within is this."""
    token = _asked.set(what)
    try:
        yield
    finally:
        _asked.reset(token)


@dataclass(slots=True)
class StreamEnd:
    """Whether a provider said that its stream is over, which not all do; and the text that stopped it, of those that
    were to."""

    is_told: bool = False
    stopped_by: str | None = None


_stream_end: ContextVar[StreamEnd | None] = ContextVar("stream_end", default=None)


@contextmanager
def telling_end() -> Iterator[StreamEnd]:
    """Of an answer that is asked for within, tell how it came to its end."""
    end = StreamEnd()
    token = _stream_end.set(end)
    try:
        yield end
    finally:
        _stream_end.reset(token)


def reads_events(request: httpx.Request) -> bool:
    """Whether who asks reads any stream as one of events, and any other answer as a whole."""
    return READ_AS_EVENTS in request.extensions or _OPENAI_CLIENT in request.headers


def stream_end() -> StreamEnd:
    """Where to note the end of what is being opened."""
    return _stream_end.get() or StreamEnd()


def is_asked(what: Asked) -> bool:
    """Whether what is being read was asked for as this."""
    return _asked.get() is what


def check_whole(response: httpx.Response) -> None:
    """Refuse a whole answer that is nested too deep, of too many parts, or a long text; it is read for that.

    Raises:
        httpx.DecodingError
    """
    if _comes_whole(response):
        response.read()
        _check(response)


async def check_whole_async(response: httpx.Response) -> None:
    """The same of an async client."""
    if _comes_whole(response):
        await response.aread()
        _check(response)


def check_bytes(text: bytes, request: httpx.Request) -> None:
    """Refuse JSON of that kind in the answer to a request, before anything is made of it.

    Raises:
        httpx.DecodingError
    """
    try:
        check_json(text, _bounds_of(request))
    except TooMuchJson as error:
        raise httpx.DecodingError(f"the answer is too much: {error}") from error


def _bounds_of(request: httpx.Request) -> Bounds:
    if is_asked(Asked.VECTORS):
        return _VECTOR_BOUNDS
    return _WITH_PROBABILITIES if _ASKS_FOR_PROBABILITIES in request.content else _BOUNDS


def plain(answer: Any, **options: Any) -> dict[str, Json]:
    """A library's object as plain JSON.

    Raises:
        ModelUnavailable: there is something in it that is nested too deep.
    """
    try:
        dumped: dict[str, Json] = answer.model_dump(mode="json", **options)
    except (ValueError, RecursionError) as error:
        raise ModelUnavailable(f"the model provider's answer could not be read: {str(error)[:200]}") from error
    return dumped


def _comes_whole(response: httpx.Response) -> bool:
    kind = str(response.headers.get("content-type", "")).lower()
    is_stream = response.is_success and any(word in kind for word in _STREAMS)
    return not is_stream or reads_events(response.request)


def _check(response: httpx.Response) -> None:
    content = response.content
    if _LOOKS_LIKE_JSON.match(content):
        check_bytes(content, response.request)
    elif len(content) > LONGEST_PROSE and not _is_fetched(response.request):
        raise httpx.DecodingError(f"the answer is a text of {len(content):,} bytes, and no JSON")


def _is_fetched(request: httpx.Request) -> bool:
    """Whether it only asks for a picture, that a message names by address. A question says of what type it is, after a
    redirect too."""
    return "content-type" not in request.headers
