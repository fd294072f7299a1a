"""Embeddings: texts in batches that providers take, answers checked before anyone computes with them."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict, TypeVar, Unpack, cast

import numpy as np
from django.conf import settings as server

from agents.calls.models import CallKind
from agents.calls.recording import Asked, Attempt
from agents.llm.account import Account, Payment, amount_of_vectors
from agents.llm.choice import resolve_embedding_model
from agents.llm.key_choice import KeyChoice, achoose_key, choose_key
from agents.llm.own import hashing
from agents.llm.providers import provider
from agents.llm.providers.rate_limits import with_patience
from agents.llm.providers.sent_settings import EmbeddingBatch
from agents.llm.tokens import count_tokens_of
from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError, ModelRefused, ModelUnavailable, PromptTooBig, ReplyTooLong
from julep_project.core.json_value import Json
from julep_project.core.process.cancellation import uninterrupted
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.validation import invalid

Vectors = list[list[float]]

_TEXTS_PER_REQUEST = 96
_CHARACTERS_PER_REQUEST = 300_000
# What a provider answers to more than it takes at once; other refusals would only be repeated.
_MAY_BE_TOO_MUCH = frozenset({400, 413, 422})
_SHORTEST_S = 0.1
# Vectors are stored and compared in single precision. NaN is not smaller than anything.
_LARGEST = float(np.finfo(np.float32).max)


class Options(TypedDict, total=False):
    """What `embed`, `aembed` and `aembed_counted` take beside the texts, by name.

    Without `model` it is `EMBEDDING_MODEL`, whose vectors have `EMBEDDING_DIMENSIONS` numbers. `dimensions` asks for
    another length, of models that offer several. `timeout_s` is for everything together. `custom_key` and `metadata`
    are as for `gateway.complete`. `user` is whom the provider is told of; what is asked of one that is `strict` reaches
    the provider or is refused by name.
    """

    model: str | None
    dimensions: int | None
    custom_key: str | None
    timeout_s: float | None
    metadata: Mapping[str, Json] | None
    user: str | None
    strict: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector for each text, in order. `estimated`: the provider did not count the tokens."""

    model: str
    vectors: Vectors
    prompt_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What is the same for all batches of a call; `dimensions` None takes what the model gives."""

    model: str
    dimensions: int | None
    api_key: str | None
    deadline: float
    user: str | None = None
    is_strict: bool = False

    def seconds_left(self) -> float:
        return max(self.deadline - time.monotonic(), _SHORTEST_S)


Told = TypeVar("Told")
# Texts, or the tokens of some as numbers, which only some providers take.
Inputs = Sequence[str] | Sequence[list[int]]
Batch = Inputs
# Yields batches, is sent the provider's answers or thrown its errors, and returns everything together.
Plan = Generator[Batch, provider.RawEmbeddings, Embedded]


def embed(developer: Developer, texts: Sequence[str], **options: Unpack[Options]) -> Vectors:
    """One vector for each text, all of one length, of finite numbers. Records what the call used as one row.

    Nothing is retried here, but a batch that a provider finds too large, or whose answer is, is asked for in smaller
    ones. No database connection is used while the provider is waited for. Without texts nothing is asked.

    Raises:
        ModelRefused, PromptTooBig: for good; a text alone is too long, or the vectors are not as long as they should.
        ModelUnavailable: the same request may succeed later; also when what came are not vectors.
        BadRequest: the model's name cannot be one.
        CostLimitExceeded: the provider was not asked.
    """
    model = resolve_embedding_model(options.get("model"))
    request = _request_of(model, choose_key(developer, model, options.get("custom_key")), options)
    payment = _account_of(developer, request, options).reserve(partial(amount_of_vectors, request.model, texts))
    attempt, asked = payment.begin(CallKind.EMBEDDING), _asked(request, texts)
    with attempt.failing(asked), payment.until_answered(is_asked=bool(texts)):
        embedded = _own(request, texts) or _embed_with(request, texts)
    _pay(payment, embedded)
    _end(attempt, asked, embedded)
    return embedded.vectors


async def aembed(developer: Developer, texts: Sequence[str], **options: Unpack[Options]) -> Vectors:
    """`embed` for async code."""
    return (await aembed_counted(developer, texts, **options)).vectors


async def aembed_counted(developer: Developer, texts: Inputs, **options: Unpack[Options]) -> Embedded:
    """`embed` for async code, with the number of tokens that were embedded. Tokens in place of texts are sent as they
    are to who counts in them, and read for others.

    Raises:
        InvalidInput: there is no such token.
        ParameterRefused: it is strict, and the provider does not take something.
    """
    model = resolve_embedding_model(options.get("model"))
    if texts and not isinstance(texts[0], str):
        texts = await in_thread(_readable, model, texts)
    request = _request_of(model, await achoose_key(developer, model, options.get("custom_key")), options)
    account = _account_of(developer, request, options)
    payment = await account.areserve(partial(amount_of_vectors, request.model, texts))
    attempt, asked = payment.begin(CallKind.EMBEDDING), _asked(request, texts)
    with attempt.failing(asked):
        async with payment.until_answered_async(is_asked=bool(texts)):
            embedded = await in_thread(_own, request, texts) or await _aembed_with(request, texts)
    await uninterrupted(run_query(partial(_pay, payment, embedded)))
    _end(attempt, asked, embedded)
    return embedded


def _readable(model: str, texts: Inputs) -> Inputs:
    """Tokens as the model can read them."""
    if provider.takes_tokens(model):
        return texts
    read: list[str] = []
    for place, tokens in enumerate(cast(Sequence[list[int]], texts)):
        try:
            read.append(provider.text_of_tokens(tokens))
        except (KeyError, OverflowError):
            raise invalid(("input", place), "value_error", msg="There is no such token in cl100k_base") from None
    return read


def _asked(request: Request, texts: Inputs) -> Asked:
    """How much was to be embedded. The texts are kept where they belong."""
    unit = "characters" if not texts or isinstance(texts[0], str) else "tokens"
    described = {"texts": len(texts), unit: sum(map(len, texts)), "dimensions": request.dimensions}
    return Asked({name: value for name, value in described.items() if value is not None})


def _end(attempt: Attempt, asked: Asked, embedded: Embedded) -> None:
    if embedded.vectors:
        told = {"vectors": len(embedded.vectors), "dimensions": len(embedded.vectors[0])}
        attempt.end(asked, told, tokens=(embedded.prompt_tokens, 0))


def _request_of(model: str, key: KeyChoice, options: Options) -> Request:
    configured = server.EMBEDDING_DIMENSIONS if model == resolve_embedding_model(None) else None
    timeout_s = options.get("timeout_s")
    return Request(
        model=model,
        dimensions=options.get("dimensions") or (None if model == hashing.HASHING else configured),
        api_key=key.value,
        deadline=time.monotonic() + (server.MODEL_TIMEOUT_S if timeout_s is None else timeout_s),
        user=options.get("user"),
        is_strict=options.get("strict", False),
    )


def _own(request: Request, texts: Inputs) -> Embedded | None:
    """The vectors of our own model; None for those of providers. No texts need no model."""
    if not texts:
        return Embedded(request.model, [], 0)
    if request.model != hashing.HASHING:
        return None
    if request.dimensions not in {None, hashing.DIMENSIONS}:
        raise _other_length(f"{hashing.HASHING} has vectors of {hashing.DIMENSIONS} numbers")
    words = sum(count_tokens_of(request.model, text) for text in texts)
    return Embedded(request.model, hashing.embed_texts(list(map(str, texts))), words)


def _embed_with(request: Request, texts: Inputs) -> Embedded:
    plan = _plan(request, texts)
    left: Batch | Embedded = next(plan)
    while not isinstance(left, Embedded):
        try:
            answer = provider.embed(_batch_of(request, left))
        except DomainError as error:
            left = _next(plan.throw, error)
        else:
            left = _next(plan.send, answer)
    return left


async def _aembed_with(request: Request, texts: Inputs) -> Embedded:
    plan = _plan(request, texts)
    left: Batch | Embedded = next(plan)
    while not isinstance(left, Embedded):
        try:
            answer = await with_patience(partial(_embed_batch, request, left))
        except DomainError as error:
            left = _next(plan.throw, error)
        else:
            left = _next(plan.send, answer)
    return left


def _next(step: Callable[[Told], Batch], told: Told) -> Batch | Embedded:
    """The next batch, or everything."""
    try:
        return step(told)
    except StopIteration as end:
        embedded: Embedded = end.value
        return embedded


async def _embed_batch(request: Request, batch: Batch) -> provider.RawEmbeddings:
    return await provider.embed_async(_batch_of(request, batch))


def _batch_of(request: Request, batch: Batch) -> EmbeddingBatch:
    return EmbeddingBatch(
        model=request.model,
        inputs=batch,
        dimensions=request.dimensions,
        timeout_s=request.seconds_left(),
        api_key=request.api_key,
        user=request.user,
        is_strict=request.is_strict,
    )


def _plan(request: Request, texts: Inputs) -> Plan:
    """Batch after batch, smaller ones once a provider did not take one. Knows nothing of how they are sent."""
    vectors: Vectors = []
    tokens, estimated = 0, False
    most = _TEXTS_PER_REQUEST
    while len(vectors) < len(texts):
        batch = _next_batch(texts, len(vectors), most)
        try:
            answer = yield batch
        except DomainError as error:
            if len(batch) == 1 or not _may_be_too_much(error):
                raise
            most = len(batch) // 2
            continue
        vectors += _checked(answer.vectors, batch, request.dimensions or (len(vectors[0]) if vectors else None))
        estimated = estimated or not answer.prompt_tokens
        tokens += answer.prompt_tokens or sum(count_tokens_of(request.model, text) for text in batch)
    return Embedded(request.model, vectors, tokens, estimated)


def _next_batch(texts: Inputs, start: int, most: int) -> Batch:
    end, characters = start + 1, len(texts[start])
    while end < min(len(texts), start + most) and characters + len(texts[end]) <= _CHARACTERS_PER_REQUEST:
        characters += len(texts[end])
        end += 1
    return texts[start:end]


def _may_be_too_much(error: DomainError) -> bool:
    return (
        isinstance(error, PromptTooBig | ReplyTooLong)
        or getattr(error.__cause__, "status_code", None) in _MAY_BE_TOO_MUCH
    )


def _checked(vectors: Sequence[Any], batch: Batch, dimensions: int | None) -> Vectors:
    """The vectors of a batch.

    Raises:
        ModelUnavailable: they are no vectors, or not as many as there are texts.
        ModelRefused: they have another length than they should.
    """
    if len(vectors) != len(batch):
        raise ModelUnavailable(f"the model provider gave {len(vectors)} vectors for {len(batch)} texts")
    try:
        numbers = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ModelUnavailable("the model provider gave something else than vectors of one length") from None
    if numbers.ndim != 2 or not numbers.size or not (np.abs(numbers) <= _LARGEST).all():
        raise ModelUnavailable("the model provider gave something else than vectors of finite numbers")
    if dimensions not in {None, numbers.shape[1]}:
        raise _other_length(f"the model gives vectors of {numbers.shape[1]} numbers, wanted are {dimensions}")
    checked: Vectors = numbers.tolist()
    return checked


def _other_length(message: str) -> ModelRefused:
    error = ModelRefused(message)
    error.param = "dimensions"
    return error


def _account_of(developer: Developer, request: Request, options: Options) -> Account:
    metadata = options.get("metadata") or {}
    return Account(
        developer, request.model, is_callers=request.api_key is not None, metadata=metadata, kind="embedding"
    )


def _pay(payment: Payment, embedded: Embedded) -> None:
    if not embedded.vectors:
        return
    usage = {"prompt_tokens": embedded.prompt_tokens, "total_tokens": embedded.prompt_tokens, "completion_tokens": 0}
    payment.settle(usage, provider.price_of(embedded.model, usage), estimated=embedded.estimated)
