"""Streamed answers: of providers over the client library, and of the models that are ours."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol, Self

from agents.llm.chunks import Chunk, cut
from agents.llm.own import offline
from agents.llm.own.scripted import active_script
from agents.llm.providers.provider import library_loaded, options_of, provider_errors, provider_of
from agents.llm.providers.provider_answers import Asked, asking_for, plain
from agents.llm.rate_limits import admit
from agents.llm.request import ModelRequest
from agents.llm.usage import token_counts
from julep_project.core.errors import ModelUnavailable
from julep_project.core.json_value import Json
from julep_project.core.process.threads import in_thread

# The library keeps all chunks of an answer, and looks at the last two to notice a model that repeats itself. It also
# adds each piece to the text so far, only to show it to rules that nobody has set.
_COMPARED_CHUNKS = 2
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
    with provider_errors(request.api_key, provider), asking_for(Asked.STREAM):
        opened = await litellm.acompletion(
            **options_of(litellm, request), stream=True, stream_options={"include_usage": True}
        )
    return ProviderStream(opened, request.api_key, provider)


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
    """The client library's stream as plain chunks."""

    def __init__(self, opened: Any, api_key: str | None, provider: str) -> None:
        self._opened = opened
        self._api_key = api_key
        self._provider = provider
        self._source = _Source(opened.completion_stream)
        if self._source.is_async:
            opened.completion_stream = self._source
        self.usage: Mapping[str, Json] | None = None

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """Each piece as soon as it is there."""
        opened = self._opened
        with provider_errors(self._api_key, self._provider):
            async for chunk in opened:
                self._source.note_usage(*opened.chunks)
                del opened.chunks[:-_COMPARED_CHUNKS]
                opened.response_uptil_now = ""
                is_last = opened.sent_last_chunk
                if is_last:
                    self._check_end()
                if chunk.choices:
                    yield _plain(chunk)
                if is_last:
                    break
            await self._source.read_to_the_end()
        self.usage = self._source.usage()

    async def aclose(self) -> None:
        """Close the connection, which is what makes a provider stop."""
        await self._opened.aclose()

    def _check_end(self) -> None:
        """The library ends an answer that was cut off as if the model had stopped."""
        if self._opened.received_finish_reason is None and self._opened.intermittent_finish_reason is None:
            raise ModelUnavailable("the model provider's answer ended in the middle")


class _Source:
    """What the library reads a provider's chunks from, with a look at what is said of usage.

    The library starts one iteration per chunk. Over the generators that sources are, each would be left behind for
    the event loop to close.
    """

    def __init__(self, source: Any) -> None:
        self.is_async = hasattr(source, "__aiter__")
        self._source = source
        self._chunks = aiter(source) if self.is_async else None
        self._usage: dict[str, Json] = {}
        self._taken = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._chunks is None:
            raise StopAsyncIteration
        self._taken += 1
        if self._taken % _TAKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
        chunk = await anext(self._chunks)
        self.note_usage(chunk)
        _say_refusal(chunk)
        return chunk

    async def aclose(self) -> None:
        close = getattr(self._source, "aclose", None) or getattr(self._source, "close", None)
        if close is not None:
            await close()

    async def read_to_the_end(self) -> None:
        """What follows the last words; past the library, which would count and copy the whole answer at this point."""
        async for _ in self:
            pass

    def note_usage(self, *chunks: Any) -> None:
        """Some providers count the prompt at the beginning and the answer at the end; the largest numbers hold."""
        for chunk in chunks:
            usage = chunk.get("usage") if isinstance(chunk, Mapping) else getattr(chunk, "usage", None)
            for name, value in _plain_usage(usage).items() if usage else ():
                known = self._usage.get(name)
                self._usage[name] = max(known, value) if isinstance(known, int) and isinstance(value, int) else value

    def usage(self) -> Mapping[str, Json] | None:
        """All that was said; None without any number."""
        counts = token_counts(self._usage)
        return counts if counts["prompt_tokens"] or counts["completion_tokens"] else None


def _say_refusal(chunk: Any) -> None:
    """Have what a model says to refuse among what it says: the library would drop it."""
    for choice in getattr(chunk, "choices", None) or ():
        delta: Any = getattr(choice, "delta", None)
        if getattr(delta, "refusal", None) and not delta.content:
            delta.content = delta.refusal


def _plain(chunk: Any) -> Chunk:
    """Without nulls and the library's own additions, save what clients look for in every choice."""
    dumped: Chunk = plain(chunk, exclude_none=True)
    for choice in dumped["choices"]:
        choice.setdefault("finish_reason", None)
        choice.setdefault("logprobs", None)
        choice["delta"].pop("provider_specific_fields", None)
    return {name: dumped.get(name) for name in ("id", "object", "created", "model", "choices")}


def _plain_usage(usage: Any) -> Mapping[str, Json]:
    if isinstance(usage, Mapping):
        return usage
    return plain(usage, exclude_none=True)
