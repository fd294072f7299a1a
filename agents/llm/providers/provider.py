"""The client library of the model providers, and the only importer of litellm.

litellm takes seconds to import and would fetch a price list from the network; it is imported on first use or by
`warm()`, with its own copy of the list.
"""

import logging
import os
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx

from agents.llm.errors import to_domain_error
from agents.llm.openai_protocol import asking
from agents.llm.openai_protocol.wording import Wording, worded, worded_async
from agents.llm.own.offline import is_offline
from agents.llm.providers.answer_bytes import watch, watch_async
from agents.llm.providers.event_loops import PerLoopTransport
from agents.llm.providers.hidden_key import HiddenKey
from agents.llm.providers.known_models import OWN_SERVERS, no_address, unknown_model
from agents.llm.providers.library_settings import switch_off
from agents.llm.providers.long_messages import shorten
from agents.llm.providers.past_calls import with_past_calls, with_past_results
from agents.llm.providers.past_refusals import with_past_refusals
from agents.llm.providers.provider_answers import Asked, asking_for, plain, telling_end
from agents.llm.providers.rate_limits import admit, told_to_wait
from agents.llm.providers.sent_settings import EmbeddingBatch, embedding_options, is_of_the_api, sent_settings
from agents.llm.providers.system_roles import with_system_roles
from agents.llm.request import ModelRequest
from agents.llm.said import ENDS, FAILS_SILENTLY, FAILURES, SILENT_FAILURE, failure_of, is_silent
from agents.llm.usage import token_count, token_counts
from julep_project.core.errors import ModelUnavailable, RateLimited
from julep_project.core.json_value import Json
from julep_project.core.process.memory import loading
from julep_project.core.process.once import Once
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.jsontext import to_storable
from julep_project.env import env_str, hand_on, is_providers

log = logging.getLogger(__name__)
Answered = tuple[dict[str, Json], Decimal | None]


@dataclass(frozen=True, slots=True)
class RawEmbeddings:
    """What a provider gave for a batch of texts, in their order, unchecked."""

    vectors: Sequence[Any]
    prompt_tokens: int


# As many open streams as there are sockets; the library would let only some hundred go to one provider at a time.
_CONNECTIONS = "10000"
_IDLE_CONNECTIONS = 100
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
# Imported by the library within the first call, which would hold up the event loop; or many threads do it at once.
_IMPORTED_LATE = (
    "anyio._backends._asyncio",
    "litellm._service_logger",
    "litellm.litellm_core_utils.default_encoding",
    "litellm.llms.edenai.chat.transformation",
    "litellm.llms.fal_ai.chat.transformation",
    "litellm.llms.litellm_proxy.chat.transformation",
    "litellm.llms.openai.chat.gpt_audio_transformation",
    "litellm.llms.vertex_ai.vertex_ai_partner_models.anthropic.transformation",
    "litellm.proxy.openai_files_endpoints.common_utils",
    "openai.resources.chat",
)
_SHORTEST_TIMEOUT_S = 0.1
# The tier of an answer whose provider does not say which it was.
_ANY_TIER = "auto"
# The only one that the library's answers can have.
_FAILURE = "malformed_function_call"


@Once
def library() -> ModuleType:
    """litellm, set up to be quiet, to load nothing from the network, and to take keys from `.julep/env` too."""
    litellm = imported()
    _set_up(litellm)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(env_str("LITELLM_LOG", "WARNING"))
        # Its lines take the way of all others, once.
        logger.handlers.clear()
    return litellm


def imported() -> ModuleType:
    """litellm as it comes; for a process from which others are forked, each of which sets up its own."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    hand_on(is_providers)
    os.environ["LITELLM_DISABLE_BUG_REPORT_LINK"] = "true"
    os.environ.setdefault("AIOHTTP_CONNECTOR_LIMIT", _CONNECTIONS)
    os.environ.setdefault("AIOHTTP_CONNECTOR_LIMIT_PER_HOST", _CONNECTIONS)
    with loading(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm

        for name in _IMPORTED_LATE:
            import_module(name)
        litellm.ModelResponse()  # the library finishes its classes on first use, with warnings about its own code
    return litellm


async def library_loaded() -> ModuleType:
    """The same, without holding up the event loop for the seconds of the first time."""
    return library() if library.is_made else await in_thread(library)


def ask(request: ModelRequest) -> Answered:
    """The answer and its price; None when no price is known.

    Raises:
        DomainError: see `provider_errors`.
    """
    litellm = library()
    provider = provider_of(litellm, request.model)
    admit(provider, request.api_key)
    with provider_errors(request.api_key, provider), telling_end() as end:
        options = options_of(litellm, request)
        answer = _ask_directly(litellm, provider, request, options)
        if answer is not None:
            return _read(litellm, request, answer, end.stopped_by)
        response = litellm.completion(**options)
    return _answered(litellm, request, response, end.stopped_by)


async def ask_async(request: ModelRequest) -> Answered:
    """The same without a thread of its own. Being cancelled closes the provider's connection."""
    litellm = await library_loaded()
    provider = provider_of(litellm, request.model)
    await in_thread(admit, provider, request.api_key)
    with provider_errors(request.api_key, provider), telling_end() as end:
        options = options_of(litellm, request)
        answer = await _ask_directly_async(litellm, provider, request, options)
        if answer is not None:
            return await in_thread(_read, litellm, request, answer, end.stopped_by)
        response = await litellm.acompletion(**options)
    return await in_thread(_answered, litellm, request, response, end.stopped_by)


def _ask_directly(
    litellm: ModuleType, provider: str, request: ModelRequest, options: Mapping[str, Any]
) -> dict[str, Json] | None:
    """The answer of a provider that speaks OpenAI's protocol; None where the library is to ask."""
    wording = worded(litellm, provider, request, options, is_streamed=False)
    if wording is not None:
        with unless_left_to_library(wording, provider):
            return asking.ask(litellm, wording, options["timeout"])
    return None


async def _ask_directly_async(
    litellm: ModuleType, provider: str, request: ModelRequest, options: Mapping[str, Any]
) -> dict[str, Json] | None:
    """The same for async code."""
    wording = await worded_async(litellm, provider, request, options, is_streamed=False)
    if wording is not None:
        with unless_left_to_library(wording, provider):
            return await asking.ask_async(litellm, wording, options["timeout"])
    return None


def embed(batch: EmbeddingBatch) -> RawEmbeddings:
    """The vectors of one batch.

    Raises:
        DomainError: see `provider_errors`.
        ParameterRefused: see `embedding_options`.
    """
    litellm = library()
    provider = provider_of(litellm, batch.model)
    admit(provider, batch.api_key)
    with provider_errors(batch.api_key, provider), asking_for(Asked.VECTORS):
        response = litellm.embedding(
            **embedding_options(provider, batch), **call_options(batch.timeout_s, batch.api_key)
        )
    return _raw_embeddings(response)


async def embed_async(batch: EmbeddingBatch) -> RawEmbeddings:
    """The same without a thread of its own."""
    litellm = await library_loaded()
    provider = provider_of(litellm, batch.model)
    await in_thread(admit, provider, batch.api_key)
    with provider_errors(batch.api_key, provider), asking_for(Asked.VECTORS):
        response = await litellm.aembedding(
            **embedding_options(provider, batch), **call_options(batch.timeout_s, batch.api_key)
        )
    return _raw_embeddings(response)


def takes_tokens(model: str) -> bool:
    """Whether the provider takes tokens in place of texts.

    Raises:
        DomainError: there is no provider.
    """
    return not is_offline(model) and is_of_the_api(provider_of(library(), model))


def text_of_tokens(tokens: Sequence[int]) -> str:
    """The text whose tokens these are, as clients count them for embeddings.

    Raises:
        KeyError, OverflowError: there is no such token.
    """
    library()
    encoding = import_module("litellm.litellm_core_utils.default_encoding").encoding
    text = b"".join(map(encoding.decode_single_token_bytes, tokens))
    return str(to_storable(text.decode(errors="replace")))


@contextmanager
def provider_errors(api_key: str | None = None, provider: str | None = None) -> Iterator[None]:
    """Turns what goes wrong at or with a provider into errors of the domain.

    When it takes no more requests of a key, all processes that use the key are told.

    Raises:
        ModelRefused, PromptTooBig: for good.
        RateLimited: the same request is to be made later.
        ModelUnavailable: the same request may succeed later.
    """
    try:
        yield
    except Exception as error:
        mapped = to_domain_error(error, api_key)
        if mapped is None:
            raise
        if isinstance(mapped, RateLimited) and provider is not None:
            told_to_wait(mapped, provider, api_key)
        raise mapped from error


@contextmanager
def unless_left_to_library(wording: Wording, provider: str) -> Iterator[None]:
    """Errors of who is asked directly as the library would raise them. What is left to the library is no error: the
    block ends, and it is to ask."""
    try:
        yield
    except asking.LeftToLibrary:
        log.debug("left to the library", extra={"model": wording.model})
    except asking.failures() as error:
        raise as_library_error(error, wording.model, provider) from error


def as_library_error(error: Exception, model: str, provider: str) -> Exception:
    """What came from below the library, as it would raise it."""
    litellm = library()
    try:
        litellm.exception_type(model=model, original_exception=error, custom_llm_provider=provider)
    except Exception as raised:
        return raised
    return error


def provider_of(litellm: ModuleType, model: str) -> str:
    """The library's name of the provider.

    Raises:
        DomainError: there is none.
    """
    with provider_errors():
        try:
            _, provider, _, address = litellm.get_llm_provider(model=model)
        except litellm.BadRequestError as error:
            raise unknown_model(litellm, model) from error
    if provider in OWN_SERVERS and not address:
        raise no_address(provider)
    return str(provider)


def options_of(litellm: ModuleType, request: ModelRequest) -> dict[str, Json]:
    """Arguments of the library's completion functions.

    Raises:
        ParameterRefused: see `sent_settings`.
    """
    provider = provider_of(litellm, request.model)
    options: dict[str, Json] = {
        "model": request.model,
        "messages": _messages_for(provider, request),
        **call_options(request.timeout_s, request.api_key),
        **sent_settings(litellm, provider, request),
    }
    if request.tools:
        options["tools"] = list(request.tools)
        # Without this the library looks for tools of its own proxy and needs a package that is not installed.
        options["_skip_mcp_handler"] = True
        # Not all providers know the word for what they do anyway.
        if request.tool_choice is not None and not (request.is_strict and request.tool_choice == "auto"):
            options["tool_choice"] = request.tool_choice
    if request.disable_cache:
        options["cache"] = {"no-cache": True, "no-store": True}
    return options


def _messages_for(provider: str, request: ModelRequest) -> Sequence[Mapping[str, Json]]:
    """The messages as the provider takes them: who instructs, and what models and tools said before."""
    messages = with_system_roles(request.messages, provider, request.model)
    messages = with_past_results(with_past_refusals(messages, provider), provider)
    return with_past_calls(messages, provider, request.model)


def call_options(timeout_s: float, api_key: str | None) -> dict[str, Json]:
    """What every call to a provider has. The library keeps a client per timeout: few different ones, few clients."""
    options: dict[str, Json] = {"timeout": max(round(timeout_s, 1), _SHORTEST_TIMEOUT_S), "max_retries": 0}
    return options if api_key is None else {**options, "api_key": api_key}


def price_of(model: str, usage: Mapping[str, Json], tier: Json = None) -> Decimal | None:
    """What this much costs by litellm's own list; None for a model that is not on it, nothing for models of ours.
    `tier`: of the service, as the provider told it."""
    if is_offline(model):
        return Decimal(0)
    litellm = library()
    try:
        if not is_priced(model):
            return None
        said = tier.lower() if isinstance(tier, str) and tier.lower() != _ANY_TIER else None
        counted = litellm.Usage(**usage)
        prompt, completion = litellm.cost_per_token(model=model, usage_object=counted, service_tier=said)
        return Decimal(str(prompt + completion))
    except Exception:  # the library raises bare exceptions for models it has no price of
        log.debug("no price known", extra={"model": model})
        return None


def is_priced(model: str) -> bool:
    """The library's list has a price for what is sent to the model."""
    return (listed(model) or {}).get("input_cost_per_token") is not None


def listed(model: str) -> Mapping[str, Json] | None:
    """What the library's list says of a model. Its own look-up would ask a server of open models about theirs."""
    models: Mapping[str, Mapping[str, Json]] = library().model_cost
    if model in models:
        return models[model]
    provider, _, name = model.partition("/")
    entry = models.get(name)
    return entry if entry is not None and entry.get("litellm_provider") == provider else None


def _raw_embeddings(response: Any) -> RawEmbeddings:
    rows = response.data or []
    if not isinstance(rows, list) or not all(hasattr(row, "get") for row in rows):
        raise ModelUnavailable("the model provider gave something else than a list of vectors")
    places = [row.get("index") for row in rows]
    # Some servers number all of them alike, or none; then they are in order.
    if all(isinstance(place, int) for place in places) and len(set(places)) == len(places):
        rows = sorted(rows, key=lambda row: row["index"])
    used = getattr(response, "usage", None)
    return RawEmbeddings([row.get("embedding") for row in rows], token_count(getattr(used, "prompt_tokens", None)))


def _read(litellm: ModuleType, request: ModelRequest, answer: dict[str, Json], stopped_by: str | None) -> Answered:
    """An answer that was read here."""
    cost = partial(_price_of_answer, request.model, answer)
    return _checked(litellm, request, HiddenKey(request.api_key).whole(answer), cost, stopped_by)


def _answered(litellm: ModuleType, request: ModelRequest, response: Any, stopped_by: str | None) -> Answered:
    """One that the library read."""
    cost = partial(_cost, litellm, request.model, response)
    return _checked(litellm, request, HiddenKey(request.api_key).whole(plain(response)), cost, stopped_by)


def _checked(
    litellm: ModuleType,
    request: ModelRequest,
    answer: dict[str, Json],
    cost: Callable[[], Decimal | None],
    stopped_by: str | None,
) -> Answered:
    """The answer with its price, which `cost` finds where its counts are such.

    Raises:
        ModelUnavailable
    """
    if not answer.get("choices"):
        raise ModelUnavailable("the model provider gave an answer without choices")
    choice = answer["choices"][0]
    if (failure := failure_of(choice)) is not None:
        raise ModelUnavailable(f"the model provider ended its answer with an error: {failure}")
    if is_silent(choice, choice.get("message")) and provider_of(litellm, request.model) in FAILS_SILENTLY:
        raise ModelUnavailable(SILENT_FAILURE)
    if stopped_by is not None:
        choice["stop_sequence"] = stopped_by
    said = answer.get("usage")
    if not isinstance(said, Mapping):
        return answer, cost()
    counts = token_counts(said)
    is_sane = all(counts[name] == said.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return {**answer, "usage": counts}, cost() if is_sane else price_of(request.model, counts)


def _cost(litellm: ModuleType, model: str, response: Any) -> Decimal | None:
    """The price by litellm's own list; None for a model that is not on it."""
    try:
        if not is_priced(model):
            return None
        return Decimal(str(litellm.completion_cost(completion_response=response, model=model)))
    except Exception:  # the library raises bare exceptions for models it has no price of
        log.debug("no price known", extra={"model": model})
        return None


def _price_of_answer(model: str, answer: Mapping[str, Json]) -> Decimal | None:
    """That of the model which says that it answered, if the list has one, and of the one that was asked else; where
    that one has none, none is known."""
    usage, said = answer.get("usage"), answer.get("model")
    if not isinstance(usage, Mapping) or not is_priced(model):
        return None
    answered = said if isinstance(said, str) and is_priced(said) else model
    return price_of(answered, usage, answer.get("service_tier"))


def _set_up(litellm: Any) -> None:
    switch_off(litellm, import_module("litellm.constants"))
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True  # the tokenizers it brings along stand in for those
    # It fetches pictures that messages name by address, for models that cannot: from public addresses only, as we do.
    litellm.user_url_validation, litellm.user_url_allowed_hosts = True, []
    litellm.DEFAULT_MAX_RETRIES = 0  # some calls take the number in their arguments, when it is zero, for none given
    _share_connections(litellm)
    _log_nothing_later()
    shorten(import_module("litellm.litellm_core_utils.secret_redaction"))
    # It would leave out who asks, where that looks like an address or a number.
    of_claude: Any = import_module("litellm.llms.anthropic.chat.transformation")
    of_claude._valid_user_id = bool
    # A reason it does not know, and a failure, would be a normal end.
    known: dict[str, str] = import_module("litellm.litellm_core_utils.core_helpers")._FINISH_REASON_MAP
    known.update({reason: end for reason, end in ENDS.items() if reason not in known})
    known.update({reason: _FAILURE for reason in {*known, *FAILURES} if reason.lower() in FAILURES})


def _share_connections(litellm: Any) -> None:
    """One pool for all threads and one per event loop. The library would open new ones for every key and timeout."""
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler, get_ssl_configuration

    verify = get_ssl_configuration()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=_IDLE_CONNECTIONS)

    def connections() -> httpx.AsyncBaseTransport:
        own: httpx.AsyncBaseTransport | None = AsyncHTTPHandler.create_async_transport(
            ssl_context=None if isinstance(verify, bool | str) else verify,
            ssl_verify=verify if isinstance(verify, bool) else None,
        )
        return own or httpx.AsyncHTTPTransport(verify=verify, limits=limits)

    litellm.client_session = watch(
        httpx.Client(verify=verify, limits=limits, follow_redirects=True, cookies=_no_cookies())
    )
    litellm.aclient_session = watch_async(
        httpx.AsyncClient(transport=PerLoopTransport(connections), follow_redirects=True, cookies=_no_cookies())
    )
    _watch_all_of(HTTPHandler, watch)
    _watch_all_of(AsyncHTTPHandler, watch_async)


def _watch_all_of(handler: Any, watch_one: Callable[[Any], Any]) -> None:
    """Some providers, and the pictures that are fetched, have clients that the library makes when it needs them."""
    create: Callable[..., Any] = handler.create_client

    def create_client(*args: Any, **options: Any) -> Any:
        return watch_one(create(*args, **options))

    handler.create_client = create_client


def _log_nothing_later() -> None:
    """The library prices and copies every answer of an async call once more, for subscribers there are none of."""
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    def discard(async_coroutine: Coroutine[Any, Any, Any]) -> None:
        async_coroutine.close()

    worker: Any = GLOBAL_LOGGING_WORKER
    worker.ensure_initialized_and_enqueue = discard


def _no_cookies() -> CookieJar:
    """Clients of different tenants share the connections, not what a provider would remember them by."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))
