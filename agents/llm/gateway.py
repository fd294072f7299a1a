"""The way to language models and embeddings: who is asked, with which key, and what is written down of it.

`provider` calls the client library, `offline` and `hashing` are models of our own, `scripted` stands in for all of
them in tests.
"""

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Required, TypedDict, Unpack

from django.conf import settings as server

from agents.llm.answer import Answer, Piece, mended
from agents.llm.choice import list_models, resolve_model
from agents.llm.chunks import Chunk, usage_chunk
from agents.llm.embedding import Embedded, aembed, aembed_counted, embed
from agents.llm.key_choice import choose_key
from agents.llm.own import offline
from agents.llm.own.scripted import active_script
from agents.llm.providers import provider
from agents.llm.rate_limits import with_patience
from agents.llm.request import ModelRequest, merged_settings, normal_messages, normal_tool_choice
from agents.llm.stream import ModelStream, open_stream
from agents.llm.tokens import counted_usage
from agents.llm.usage import record_usage
from agents.models import Agent, Developer
from agents.tools.presentation import present_tools
from julep_project.core.database import run_query
from julep_project.core.json_value import Json
from julep_project.core.process.cancellation import uninterrupted
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.jsontext import to_storable

__all__ = [
    "Embedded",
    "acomplete",
    "aembed",
    "aembed_counted",
    "astream",
    "complete",
    "embed",
    "list_models",
    "listen",
    "resolve_model",
    "warm",
]

log = logging.getLogger(__name__)


class Question(TypedDict, total=False):
    """What `complete`, `acomplete` and `astream` take, by name.

    `model`, else `settings["model"]`, else what `resolve_model` finds. `tools` are tool bodies or finished function
    definitions. `timeout_s` is how long the model may be silent. `custom_key` is the caller's own key for the
    provider. `metadata` goes into the row of the usage.
    """

    messages: Required[Sequence[Mapping[str, Json]]]
    agent: Agent | None
    model: str | None
    settings: Mapping[str, Json] | None
    tools: Sequence[Mapping[str, Json]] | None
    tool_choice: Json
    disable_cache: bool
    timeout_s: float | None
    custom_key: str | None
    metadata: Mapping[str, Json] | None


def complete(developer: Developer, **question: Unpack[Question]) -> dict[str, Json]:
    """Ask a model and record what the call used.

    The answer is a chat completion as plain JSON, `mended`, whose choices also carry `content`, the text of their
    message. Characters that cannot be stored are gone from it. Nothing is retried here; no database connection is
    used while the model is waited for.

    Raises:
        ModelRefused, PromptTooBig: for good.
        ModelUnavailable: the same request may succeed later. RateLimited: after a while that is known.
        ReplyTooLong: what the call used is recorded.
        BadRequest: the model's name cannot be one.
    """
    request = _request_of(question)
    started = time.monotonic()
    raw, cost = _ask(request)
    answer = mended(to_storable(raw))
    _log_answer(request, started)
    try:
        Answer().add(answer)
    finally:
        used = _completed(request, answer, cost)
        _record(developer, request, used, question.get("metadata"))
    return answer


async def acomplete(developer: Developer, into: Answer | None = None, **question: Unpack[Question]) -> dict[str, Json]:
    """`complete` for async code: same answer, same errors. Being cancelled closes the provider's connection.

    Somebody waits for the answer: a provider that wants to be asked again soon is. The answer is also put `into`.
    """
    request = _request_of(question)
    started = time.monotonic()
    raw, cost = await with_patience(partial(_ask_async, request))
    answer = mended(to_storable(raw))
    _log_answer(request, started)
    reply = into or Answer()
    try:
        reply.add(answer)
    finally:
        await uninterrupted(_finish(developer, request, answer, cost, question.get("metadata")))
    reply.usage = answer["usage"]
    return answer


async def astream(
    developer: Developer, into: Answer | None = None, **question: Unpack[Question]
) -> AsyncGenerator[Chunk]:
    """The answer of `complete` as it comes: chunks of the chat completions API as plain JSON, each passed on at once.

    The last chunk has no choices and carries `usage`, counted here if the provider did not. Closing the generator, or
    cancelling who reads it, closes the provider's connection; use `contextlib.aclosing` when not reading to the end.
    Before the first chunk, a provider that wants to be asked again soon is. The usage is recorded once, whatever the
    end is, before the generator ends; not for a request that was refused before the first chunk.
    The chunks are put together in `into`, each before it is given.

    Raises:
        DomainError: as `complete`, when the first chunk is asked for; ModelUnavailable also later, when the answer
            breaks off, and ReplyTooLong.
    """
    request = _request_of(question)
    started = time.monotonic()
    answer = into or Answer()
    stream, refused, estimated = None, False, True
    try:
        stream = await with_patience(partial(open_stream, request))
        async with aclosing(stream.chunks()) as chunks:
            async for raw in chunks:
                chunk = to_storable(raw)
                answer.add(chunk)
                yield chunk
        said, estimated = stream.usage, not stream.usage
        last = usage_chunk(answer.origin, said if said else await in_thread(_count_said, request, answer))
        answer.add(last)
        _log_answer(request, started)
        yield last
    except Exception:
        refused = not answer.origin
        raise
    finally:
        marked = {**(question.get("metadata") or {}), "streaming": True}
        record = partial(_record_stream, developer, request, answer, marked, estimated=estimated)
        await uninterrupted(_end_stream(stream, None if refused else record))


async def listen(
    developer: Developer, into: Answer, *, live: bool, **question: Unpack[Question]
) -> AsyncGenerator[list[Piece]]:
    """Ask, and give what each chunk adds `into` the answer; all of it at once, unless it is to come `live`.

    Raises:
        DomainError: as `acomplete` or `astream`, and to be closed like that.
    """
    if not live:
        await acomplete(developer, into, **question)
        yield into.latest
        return
    async with aclosing(astream(developer, into, **question)) as chunks:
        async for _ in chunks:
            yield into.latest


def warm() -> None:
    """Import litellm now, so that the first call of a process does not wait for it."""
    provider.library()


def warm_if_configured() -> None:
    """The same where a provider is configured; elsewhere nothing needs the library."""
    if any(name != offline.ECHO for name in list_models()):
        warm()


def _request_of(question: Question) -> ModelRequest:
    agent, given = question.get("agent"), question.get("settings") or {}
    timeout_s = question.get("timeout_s")
    return ModelRequest(
        model=resolve_model(question.get("model") or given.get("model"), agent),
        messages=normal_messages(question["messages"]),
        settings=merged_settings(agent, given),
        tools=present_tools(question.get("tools") or ()),
        tool_choice=normal_tool_choice(question.get("tool_choice")),
        timeout_s=server.MODEL_TIMEOUT_S if timeout_s is None else timeout_s,
        api_key=choose_key(question.get("custom_key")).value,
        disable_cache=question.get("disable_cache", False),
    )


def _ask(request: ModelRequest) -> provider.Answered:
    return _own_answer(request) or provider.ask(request)


async def _ask_async(request: ModelRequest) -> provider.Answered:
    return _own_answer(request) or await provider.ask_async(request)


def _own_answer(request: ModelRequest) -> provider.Answered | None:
    """The answer and price of a model that is not a provider's."""
    script = active_script()
    if script is not None:
        return script.answer(request), None
    if request.model == offline.ECHO:
        return offline.answer(request), Decimal(0)
    return None


def _log_answer(request: ModelRequest, started: float) -> None:
    seconds = round(time.monotonic() - started, 3)
    log.info("model answered", extra={"action": "model_answered", "model": request.model, "seconds": seconds})


@dataclass(frozen=True, slots=True)
class _Used:
    """What a call used, and the price of it if one is known. `estimated`: counted here."""

    usage: Mapping[str, Json]
    cost: Decimal | None
    estimated: bool


def _completed(request: ModelRequest, answer: dict[str, Json], cost: Decimal | None) -> _Used:
    """What an answer used, written into it like all else that is missing. Counting may take long."""
    for choice in answer.get("choices") or ():
        choice["content"] = (choice.get("message") or {}).get("content")
    if _says_usage(answer.get("usage")):
        return _Used(answer["usage"], cost, estimated=False)
    answer["usage"] = _count(request, answer)
    return _Used(answer["usage"], _price(request, answer["usage"]), estimated=True)


async def _finish(
    developer: Developer,
    request: ModelRequest,
    answer: dict[str, Json],
    cost: Decimal | None,
    metadata: Mapping[str, Json] | None,
) -> None:
    """Complete the answer and record it. Tokens are not counted on the threads that all queries share."""
    used = await in_thread(_completed, request, answer, cost)
    await run_query(partial(_record, developer, request, used, metadata))


async def _end_stream(stream: ModelStream | None, record: Callable[[], Awaitable[None]] | None) -> None:
    try:
        if stream is not None:
            await stream.aclose()
    finally:
        if record is not None:
            await record()


async def _record_stream(
    developer: Developer, request: ModelRequest, answer: Answer, metadata: Mapping[str, Json], *, estimated: bool
) -> None:
    """Of a stream that did not come to its end, count what there is."""
    counted = answer.usage if answer.usage else await in_thread(_count_said, request, answer)
    used = _Used(counted, _price(request, counted), estimated)
    await run_query(partial(_record, developer, request, used, metadata))


def _record(developer: Developer, request: ModelRequest, used: _Used, metadata: Mapping[str, Json] | None) -> None:
    record_usage(
        developer,
        model=request.model,
        usage=used.usage,
        cost=used.cost,
        estimated=used.estimated,
        custom_api_used=request.api_key is not None,
        metadata=metadata,
    )


def _says_usage(usage: Mapping[str, Json] | None) -> bool:
    """The client library writes zeros where the provider wrote nothing."""
    return bool(usage and (usage.get("prompt_tokens") or usage.get("completion_tokens")))


def _count(request: ModelRequest, answer: Mapping[str, Json]) -> dict[str, int]:
    return counted_usage(request.model, request.messages, request.tools, answer)


def _count_said(request: ModelRequest, answer: Answer) -> dict[str, int]:
    return _count(request, {"choices": [{"message": answer.whole_message()}]})


def _price(request: ModelRequest, usage: Mapping[str, Json]) -> Decimal | None:
    return None if active_script() is not None else provider.price_of(request.model, usage)
