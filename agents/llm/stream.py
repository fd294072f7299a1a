"""Streamed answers: of providers, over the client library or in their own protocol, and of the models that are ours."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import ModuleType
from typing import Any, Protocol, Self

import httpx

from agents.llm.chunks import Chunk, cut
from agents.llm.openai_protocol import asking
from agents.llm.openai_protocol.wording import worded_async
from agents.llm.own import offline
from agents.llm.own.scripted import active_script
from agents.llm.providers.hidden_key import HiddenKey
from agents.llm.providers.provider import (
    as_library_error,
    library_loaded,
    options_of,
    provider_errors,
    provider_of,
    unless_left_to_library,
)
from agents.llm.providers.provider_answers import Asked, StreamEnd, asking_for, telling_end
from agents.llm.providers.rate_limits import admit
from agents.llm.providers.raw_chunks import is_chunk, read_chunk
from agents.llm.request import ModelRequest
from agents.llm.said import FAILS_SILENTLY, SILENT_FAILURE, failure_of, is_silent
from agents.llm.usage import token_counts
from julep_project.core.errors import ModelUnavailable
from julep_project.core.json_value import Json
from julep_project.core.process.threads import in_thread

# Each costs the library a fraction of a millisecond, and the next may always be there already. Others get their turn
# after so many.
_TAKEN_AT_ONCE = 16


class ModelStream(Protocol):
    """An answer as it comes."""

    usage: Mapping[str, Json] | None
    """What the provider says the call used; known when the chunks have ended, if at all."""

    def chunks(self) -> AsyncGenerator[Chunk]:
        """The pieces; the finish reason is in the last one. Raises what `provider_errors` does."""

    async def aclose(self) -> None:
        """Let the provider stop, wherever it is."""


async def open_stream(request: ModelRequest) -> ModelStream:
    """Ask a model and give its answer as it comes.

    Raises:
        DomainError: see `provider_errors`.
    """
    script = active_script()
    if script is not None:
        return script.stream(request)
    if request.model == offline.ECHO:
        return WholeAnswer(offline.answer(request))
    litellm = await library_loaded()
    provider = provider_of(litellm, request.model)
    await in_thread(admit, provider, request.api_key)
    with provider_errors(request.api_key, provider), asking_for(Asked.STREAM), telling_end() as end:
        opened = await _open(litellm, provider, request)
    return ProviderStream(opened, request, provider, end)


async def _open(litellm: ModuleType, provider: str, request: ModelRequest) -> Any:
    options = options_of(litellm, request)
    wording = await worded_async(litellm, provider, request, options, is_streamed=True)
    if wording is not None:
        with unless_left_to_library(wording, provider):
            return await asking.open_stream(litellm, wording, options["timeout"])
    opened = await litellm.acompletion(**options, stream=True, stream_options={"include_usage": True})
    if opened.completion_stream is None:
        await opened.fetch_stream()
    return opened


class WholeAnswer:
    """The stream of an answer that is known already."""

    def __init__(self, answer: Mapping[str, Json]) -> None:
        self._answer = answer
        self.usage: Mapping[str, Json] | None = answer.get("usage")

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """The answer word by word."""
        for chunk in cut(self._answer):
            yield chunk

    async def aclose(self) -> None:
        """There is nothing to stop."""


class ProviderStream:
    """What the client library makes of a provider's stream, as plain chunks.

    They are read past the library's own wrapper around its sources, which drops and changes what it does not expect,
    ends an answer that repeats itself, and keeps all of it. Only sources of plain texts need the wrapper.
    """

    def __init__(self, opened: Any, request: ModelRequest, provider: str, told_end: StreamEnd) -> None:
        self._opened = opened
        self._api_key = request.api_key
        self._hidden = HiddenKey(request.api_key)
        self._provider = provider
        self._told_end = told_end
        self._usage: dict[str, Json] = {}
        self._has_begun = self._ended = False
        self._may_be_silent = provider in FAILS_SILENTLY
        self.usage: Mapping[str, Json] | None = None

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """Each piece as soon as it is there."""
        with provider_errors(self._api_key, self._provider):
            async with aclosing(self._raw()) as raw_chunks:
                async for raw in raw_chunks:
                    chunk = self._hidden.chunk(read_chunk(raw))
                    self._note(chunk)
                    if chunk["choices"]:
                        self._has_begun = True
                        self._tell_stop(chunk["choices"][0])
                        yield {name: part for name, part in chunk.items() if name != "usage"}
        for chunk in self._hidden.rest():
            yield chunk
        if not self._ended and not (self._has_begun and self._told_end.is_told):
            raise ModelUnavailable("the model provider's answer ended in the middle")
        if self._may_be_silent:
            raise ModelUnavailable(SILENT_FAILURE)
        counts = token_counts(self._usage)
        self.usage = counts if counts["prompt_tokens"] or counts["completion_tokens"] else None

    async def aclose(self) -> None:
        """Close the connection, which is what makes a provider stop."""
        await self._opened.aclose()

    async def _raw(self) -> AsyncGenerator[Any]:
        """The library's chunks, as they come from its source."""
        source, taken = self._opened.completion_stream, 0
        if not hasattr(source, "__aiter__"):
            async for raw in self._opened:
                yield raw
            return
        pieces = aiter(source)
        try:
            async for raw in pieces:
                if raw is None:  # an empty line
                    continue
                taken += 1
                if taken % _TAKEN_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if not is_chunk(raw):
                    # A text, which only the wrapper can read.
                    self._opened.completion_stream = _Again(raw, pieces)
                    async for read in self._opened:
                        del self._opened.chunks[:-1]
                        yield read
                    return
                yield raw
        except (httpx.ReadError, httpx.RemoteProtocolError):
            if not self._ended:
                raise
        except Exception as error:
            raise as_library_error(error, self._opened.model, self._provider) from error
        finally:
            # Left behind, a generator would be closed by the event loop, at some time.
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    def _tell_stop(self, choice: dict[str, Json]) -> None:
        if choice.get("finish_reason") and self._told_end.stopped_by is not None:
            choice["stop_sequence"] = self._told_end.stopped_by

    def _note(self, chunk: Chunk) -> None:
        """Some providers count the prompt at the beginning and the answer at the end; the largest numbers hold."""
        for choice in chunk["choices"]:
            if (failure := failure_of(choice)) is not None:
                raise ModelUnavailable(f"the model provider ended its answer with an error: {failure}")
            self._ended = self._ended or bool(choice.get("finish_reason"))
            self._may_be_silent = self._may_be_silent and is_silent(choice, choice.get("delta"))
        usage = chunk.get("usage")
        for name, value in usage.items() if isinstance(usage, Mapping) else ():
            known = self._usage.get(name)
            self._usage[name] = max(known, value) if isinstance(known, int) and isinstance(value, int) else value


class _Again:
    """A source whose first piece was taken already."""

    def __init__(self, first: Any, rest: Any) -> None:
        self._first = [first]
        self._rest = rest

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._first.pop() if self._first else await anext(self._rest)

    async def aclose(self) -> None:
        close = getattr(self._rest, "aclose", None) or getattr(self._rest, "close", None)
        if close is not None:
            await close()
