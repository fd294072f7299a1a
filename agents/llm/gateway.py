"""The way to language models and embeddings: who is asked, with which key, and what is written down of it.

`provider` calls the client library, `offline` and `hashing` are models of our own, `scripted` stands in for all of
them in tests.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Required, TypedDict, Unpack

from django.conf import settings as server

from agents.llm.account import Account, Payment, amount_of_answer, price
from agents.llm.answer import Answer, choices_of, mended
from agents.llm.choice import list_models, resolve_model
from agents.llm.chunks import Chunk, Telling, end_chunk, usage_chunk
from agents.llm.embedding import Embedded, aembed, aembed_counted, embed
from agents.llm.key_choice import KeyChoice, achoose_key, choose_key
from agents.llm.own import offline
from agents.llm.own.scripted import active_script
from agents.llm.pieces import Piece
from agents.llm.provider_names import own_names, with_provider_names
from agents.llm.providers import provider
from agents.llm.providers.rate_limits import with_patience
from agents.llm.reply_form import ReplyForm, ReplyRejected, objection, rejected
from agents.llm.request import ModelRequest, merged_settings, normal_messages, normal_tool_choice
from agents.llm.stream import ModelStream, open_stream
from agents.llm.tokens import counted_usage
from agents.llm.usage import tokens_of, total_usage
from agents.models import Agent, Developer
from agents.tools.presentation import present_tools
from julep_project.core.database import run_query
from julep_project.core.json_value import Json
from julep_project.core.pauses.standing import check_model
from julep_project.core.process.cancellation import uninterrupted
from julep_project.core.process.threads import in_thread

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

# What the second question gets when the first has used up the time of both.
_SHORTEST_S = 0.1


class Question(TypedDict, total=False):
    """What `complete`, `acomplete` and `astream` take, by name.

    `model`, else `settings["model"]`, else what `resolve_model` finds. `tools` are tool bodies or finished function
    definitions. `timeout_s` is how long the model may be silent. `custom_key` is the caller's own key for the
    provider. `metadata` goes into the row of the usage. Of a `strict` question each setting reaches the model, or is
    refused by name.
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
    strict: bool


def complete(developer: Developer, **question: Unpack[Question]) -> dict[str, Json]:
    """Ask a model and record what the call used.

    The answer is a chat completion as plain JSON, `mended`, whose choices also carry `content`, the text of their
    message, or else of its refusal. Characters that cannot be stored are gone from it. One without the form that was
    asked for is asked for once more, in the time that is left. Nothing else is retried here; no database connection is
    used while the model is waited for.

    Raises:
        ModelRefused, PromptTooBig: for good.
        ModelUnavailable: the same request may succeed later. RateLimited: after a while that is known.
        ReplyTooLong: what the call used is recorded.
        ReplyRejected: both answers lack the form that was asked for.
        BadRequest: the model's name cannot be one, or the schema of the form cannot be used.
        ParameterRefused: the question is strict, and the model does not take one of its settings.
        CostLimitExceeded, Paused: the model was not asked.
    """
    asking = _Asking(developer, question, Answer(), live=False)
    asking.use_key(choose_key(developer, asking.request.model, question.get("custom_key")))
    deadline = time.monotonic() + asking.request.timeout_s
    while True:
        payment = asking.account.reserve(partial(amount_of_answer, asking.request))
        attempt, asked = payment.begin(), asking.request.asked()
        with attempt.failing(asked), payment.until_answered():
            raw, cost = _ask(asking.request)
            answer = asking.mended(raw)
        try:
            with attempt.noting():
                asking.take_whole(answer)
        finally:
            used = _completed(asking.request, answer, cost)
            used.pay(payment)
            attempt.end(asked, choices_of(answer), tokens=tokens_of(used.usage))
        if asking.is_settled(used.usage):
            return asking.completion(answer)
        asking.set_timeout(deadline - time.monotonic())


async def acomplete(developer: Developer, into: Answer | None = None, **question: Unpack[Question]) -> dict[str, Json]:
    """`complete` for async code: same answer, same errors. Being cancelled closes the provider's connection.

    Somebody waits for the answer: a provider that wants to be asked again soon is. The answer is also put `into`.
    """
    asking = _Asking(developer, question, into or Answer(), live=False)
    asking.use_key(await achoose_key(developer, asking.request.model, question.get("custom_key")))
    while True:
        payment = await asking.account.areserve(partial(amount_of_answer, asking.request))
        attempt, asked = payment.begin(), asking.request.asked()
        with attempt.failing(asked):
            async with payment.until_answered_async():
                raw, cost = await with_patience(partial(_ask_async, asking.request))
                answer = asking.mended(raw)
        try:
            with attempt.noting():
                asking.take_whole(answer)
        finally:
            used = partial(_completed, asking.request, answer, cost)
            end = partial(attempt.end, asked, choices_of(answer))
            await uninterrupted(_finish(payment, used, end))
        if await in_thread(asking.is_settled, answer["usage"]):
            return asking.completion(answer)


async def astream(
    developer: Developer, into: Answer | None = None, **question: Unpack[Question]
) -> AsyncGenerator[Chunk]:
    """The answer of `complete` as it comes: chunks of the chat completions API as plain JSON, each passed on at once.

    The last chunk has no choices and carries `usage`, counted here if the provider did not. Closing the generator, or
    cancelling who reads it, closes the provider's connection; use `contextlib.aclosing` when not reading to the end.
    Before the first chunk, a provider that wants to be asked again soon is. The usage is recorded once for each time
    the model was asked, whatever the end is, before the generator ends; not for a request that was refused before the
    first chunk. The chunks are put together in `into`, each before it is given.

    Raises:
        DomainError: as `complete`, when the first chunk is asked for; ModelUnavailable also later, when the answer
            breaks off, and ReplyTooLong, and ReplyRejected for an answer that was told in part.
    """
    answer, telling = into or Answer(), Telling()
    async with aclosing(_arriving(developer, answer, question)) as arriving:
        async for pieces, choice in arriving:
            for chunk in telling.chunks(answer.origin, pieces, choice):
                yield chunk
    yield end_chunk(answer.origin, answer.finish_reason)
    yield usage_chunk(answer.origin, answer.usage or {})


async def listen(
    developer: Developer, into: Answer, *, live: bool, **question: Unpack[Question]
) -> AsyncGenerator[Sequence[Piece]]:
    """Ask, and give what each chunk adds `into` the answer; all of it at once, unless it is to come `live`.

    Raises:
        DomainError: as `acomplete` or `astream`, and to be closed like that.
    """
    if not live:
        await acomplete(developer, into, **question)
        yield into.latest
        return
    async with aclosing(_arriving(developer, into, question)) as arriving:
        async for pieces, _ in arriving:
            yield pieces


Arrived = tuple[Sequence[Piece], Mapping[str, Json]]


async def _arriving(developer: Developer, answer: Answer, question: Question) -> AsyncGenerator[Arrived]:
    """What may be told of an answer as it comes, each time with the choice of the provider's chunk."""
    asking = _Asking(developer, question, answer, live=True)
    asking.use_key(await achoose_key(developer, asking.request.model, question.get("custom_key")))
    while True:
        request = asking.request
        payment = await asking.account.areserve(partial(amount_of_answer, request))
        payment.seen.begin()
        attempt = payment.begin()
        stream: ModelStream | None = None
        used: _Used | None = None
        said: list[dict[str, Json]] | None = None
        has_begun = False
        try:
            stream = await with_patience(partial(open_stream, request))
            async with aclosing(stream.chunks()) as chunks:
                async for raw in chunks:
                    has_begun = True
                    yield asking.take(raw), raw["choices"][0] if raw.get("choices") else {}
            answer.end()
            said = answer.choices_so_far()
            if stream.usage:
                tier = answer.origin.get("service_tier")
                used = _Used(stream.usage, price(request.model, stream.usage, tier), estimated=False)
            else:
                used = await in_thread(_counted, request, answer)
            is_settled = await in_thread(asking.is_settled, used.usage)
            yield asking.rest(), {}
        except Exception as error:
            payment.seen.fail(error)
            attempt.fail(error)
            if not has_begun:
                used = _NOTHING
            raise
        finally:
            end = partial(attempt.end, request.asked(live=True), said or answer.choices_so_far())
            await uninterrupted(_end_stream(stream, partial(_pay_for_stream, payment, request, answer, used, end)))
        if is_settled:
            return


class _Asking:
    """One question, and what has come of it: asked once more when the answer lacks the form that was asked for."""

    def __init__(self, developer: Developer, question: Question, answer: Answer, *, live: bool) -> None:
        self.request = _request_of(question)
        check_model(self.request.model)
        self.account = _account_of(developer, self.request, question, live=live)
        self._answer = answer
        self._form = ReplyForm(self.request.settings.get("response_format"), holds_all=not live)
        self._told: list[Piece] = []
        self._usages: list[Mapping[str, Json]] = []
        answer.taken_ids, answer.tool_names = self.request.call_ids(), self.request.tool_names

    def mended(self, raw: Mapping[str, Json]) -> dict[str, Json]:
        """A whole answer as it is used."""
        return mended(raw, taken_ids=self._answer.taken_ids, tool_names=self._answer.tool_names)

    def take(self, raw: Mapping[str, Json]) -> Sequence[Piece]:
        """One more chunk; what may be told now."""
        self._answer.add(raw)
        return self._form.take(self._answer.latest)

    def take_whole(self, answer: Mapping[str, Json]) -> None:
        """Take in a whole answer.

        Raises:
            ReplyTooLong
        """
        self._told += self.take(answer)
        self._answer.end()

    def is_settled(self, usage: Mapping[str, Json]) -> bool:
        """Whether the answer that has ended is the last; else the question is ready to be asked again. The usage of
        both counts together.

        Raises:
            ReplyRejected, BadRequest
        """
        self._usages.append(usage)
        self._answer.usage = total_usage(self._usages)
        self._told += self._form.take(self._answer.latest)
        problem = self._form.settle(self._answer)
        if problem is None:
            self._told += self._form.release()
            return True
        if len(self._usages) > 1:
            raise rejected(problem)
        if not self._form.is_held_back:
            raise ReplyRejected(f"the model's answer does not have the form that was asked for: {problem}")
        messages = [*self.request.messages, *objection(self._answer.text, problem)]
        self.request = replace(self.request, messages=messages)
        self._form.again()
        self._answer.again()
        return False

    def use_key(self, key: KeyChoice) -> None:
        """With which key the provider is asked, which decides who pays."""
        self.request = replace(self.request, api_key=key.value)
        self.account = replace(self.account, is_callers=key.is_callers)

    def set_timeout(self, seconds: float) -> None:
        """How long the model may be silent."""
        self.request = replace(self.request, timeout_s=max(seconds, _SHORTEST_S))

    def rest(self) -> Sequence[Piece]:
        """What may be told, and was not."""
        told, self._told = self._told, []
        return told

    def completion(self, answer: dict[str, Json]) -> dict[str, Json]:
        """The whole answer, with what was made of it."""
        reply = self._answer
        reply.latest = list(self.rest())
        answer["usage"] = reply.usage
        for choice in answer["choices"][:1]:
            if reply.text and choice["content"] != reply.text:
                choice["message"]["content"] = choice["content"] = reply.text
        return answer


def warm() -> None:
    """Import litellm now, so that the first call of a process does not wait for it."""
    provider.library()


def warm_if_configured() -> None:
    """The same where a provider is configured; elsewhere nothing needs the library."""
    if _is_configured():
        warm()


def import_if_configured() -> None:
    """What takes the time of `warm`, for a process from which others are forked: each of them sets up its own."""
    if _is_configured():
        provider.imported()


def _is_configured() -> bool:
    return any(name != offline.ECHO for name in list_models())


def _request_of(question: Question) -> ModelRequest:
    agent, given = question.get("agent"), question.get("settings") or {}
    timeout_s, is_strict = question.get("timeout_s"), question.get("strict", False)
    tools = present_tools(question.get("tools") or ())
    choice = normal_tool_choice(question.get("tool_choice"))
    return ModelRequest(
        model=resolve_model(question.get("model") or given.get("model"), agent),
        messages=[with_provider_names(message) for message in normal_messages(question["messages"])],
        settings=merged_settings(agent, given, is_strict=is_strict),
        tools=[with_provider_names(tool) for tool in tools],
        tool_choice=with_provider_names(choice) if isinstance(choice, Mapping) else choice,
        tool_names=own_names(tools),
        timeout_s=server.MODEL_TIMEOUT_S if timeout_s is None else timeout_s,
        disable_cache=question.get("disable_cache", False),
        is_strict=is_strict,
    )


def _account_of(developer: Developer, request: ModelRequest, question: Question, *, live: bool) -> Account:
    return Account.of_agent(
        developer,
        question.get("agent"),
        model=request.model,
        is_callers=request.api_key is not None,
        metadata={**(question.get("metadata") or {}), **({"streaming": True} if live else {})},
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


@dataclass(frozen=True, slots=True)
class _Used:
    """What a call used, and the price of it if one is known. `estimated`: counted here."""

    usage: Mapping[str, Json]
    cost: Decimal | None
    estimated: bool

    def pay(self, payment: Payment) -> None:
        payment.settle(self.usage, self.cost, estimated=self.estimated)


# Of a request that was refused.
_NOTHING = _Used({}, None, estimated=True)


def _completed(request: ModelRequest, answer: dict[str, Json], cost: Decimal | None) -> _Used:
    """What an answer used, written into it like all else that is missing. Counting may take long."""
    for choice in answer.get("choices") or ():
        message = choice.get("message") or {}
        choice["content"] = message.get("content") or message.get("refusal")
    if _says_usage(answer.get("usage")):
        return _Used(answer["usage"], cost, estimated=False)
    answer["usage"] = _count(request, answer)
    return _Used(answer["usage"], price(request.model, answer["usage"]), estimated=True)


async def _finish(payment: Payment, complete_: Callable[[], _Used], end: Callable[..., None]) -> None:
    """Complete the answer and record it. Tokens are not counted on the threads that all queries share."""
    used = await in_thread(complete_)
    await run_query(partial(used.pay, payment))
    await in_thread(end, tokens=tokens_of(used.usage))


async def _end_stream(stream: ModelStream | None, pay: Callable[[], Awaitable[None]]) -> None:
    try:
        if stream is not None:
            await stream.aclose()
    finally:
        await pay()


async def _pay_for_stream(
    payment: Payment, request: ModelRequest, answer: Answer, used: _Used | None, end: Callable[..., None]
) -> None:
    """Of a stream that did not come to its end, count what there is."""
    if used is _NOTHING:
        await payment.end_async()
        await in_thread(end)
        return
    whole = await in_thread(_counted, request, answer) if used is None else used
    await run_query(partial(whole.pay, payment))
    await in_thread(end, tokens=tokens_of(whole.usage))


def _counted(request: ModelRequest, answer: Answer) -> _Used:
    counted = _count(request, {"choices": [{"message": answer.whole_message()}]})
    return _Used(counted, price(request.model, counted), estimated=True)


def _says_usage(usage: Mapping[str, Json] | None) -> bool:
    """The client library writes zeros where the provider wrote nothing."""
    return bool(usage and (usage.get("prompt_tokens") or usage.get("completion_tokens")))


def _count(request: ModelRequest, answer: Mapping[str, Json]) -> dict[str, int]:
    return counted_usage(request.model, request.messages, request.tools, answer)
