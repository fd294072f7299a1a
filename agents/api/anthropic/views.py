"""`/v1/messages`, `/v1/messages/count_tokens`, and `/v1/models` for who speaks Anthropic's API."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial, wraps
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter

from agents.api import openai_views
from agents.api.anthropic.answers import ANSWERS, COUNTED, ListedModel, ListedModels, either
from agents.api.anthropic.message import Event, Telling
from agents.api.anthropic.model_list import ModelsQuery, model_info, models_page
from agents.api.anthropic.request import Asked, CountTokensBody, MessagesBody, named_here, refuse_headers
from agents.api.openai_answers import ModelAnswer, ModelsAnswer
from agents.llm import gateway
from agents.llm.custom_key import custom_key_of
from agents.llm.keys.usable_models import check_usable, list_usable_models
from agents.llm.pieces import Piece
from agents.llm.tokens import count_tokens as count
from agents.models import Developer
from julep_project.core.api.answer_headers import speaks_anthropic
from julep_project.core.api.api_schema import describe_async
from julep_project.core.api.async_views import AsyncView, api_view, json_response, read_request
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.exception_handler import answer_for, in_anthropics_form
from julep_project.core.api.query import ignored
from julep_project.core.live.in_time import answered_in_time
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_named_event
from julep_project.core.pauses.standing import acheck_intake
from julep_project.core.process.request_id import current_request_id
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.surface import ParameterRefused


class MessageRelay(Relay):
    """Where there is nothing to say for long, that is an event, too."""

    keep_alive: ClassVar[bytes] = encode_named_event("ping", {"type": "ping"})


@describe_async("messages_create", body=MessagesBody, answer=ANSWERS, query=ignored("beta"))
@api_view("POST")
async def messages(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One message of a model, whole or as events. Anthropic's messages API: nothing is kept."""
    refuse_headers(request)
    await acheck_intake()
    asked = await read_request(request, Asked.read)
    telling = Telling(asked.model, shows_thoughts=asked.shows_thoughts)
    pieces = _pieces(developer, telling, asked, custom_key_of(request.headers))
    if not asked.stream:
        await answered_in_time(_read_out(pieces))
        return json_response(telling.whole())
    error_event = partial(_error_event, current_request_id())
    relay = MessageRelay(_encoded(telling, pieces), error_event=error_event, timeout_s=settings.CHAT_TIMEOUT_S)
    # What the provider refuses at once is refused with its status, before the stream opens.
    await relay.open()
    return event_stream(relay)


@describe_async("messages_count_tokens", body=CountTokensBody, answer=COUNTED, query=ignored("beta"))
@api_view("POST", scope=KeyScope.READ)
async def count_tokens(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """How many tokens a prompt has, by the model's tokenizer where that is at hand. No model is asked."""
    refuse_headers(request)
    asked = await read_request(request, Asked.read_to_count)
    return json_response({"input_tokens": await in_thread(count, asked.model, asked.messages, asked.tools)})


@describe_async("anthropic_models_list", method="get", query=[ModelsQuery, OpenApiParameter("lifecycle[]")])
@api_view("GET")
async def _models(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    names = await list_usable_models(developer, custom_key_of(request.headers))
    return json_response(await in_thread(models_page, request.GET, names))


@api_view("GET")
async def _model(request: HttpRequest, developer: Developer, name: str) -> HttpResponseBase:
    check_usable(name, await list_usable_models(developer, custom_key_of(request.headers)))
    return json_response(await in_thread(model_info, name))


def _by_api(usual: AsyncView, anthropics: AsyncView) -> AsyncView:
    """The one view or the other, by the API that a request speaks."""

    @wraps(usual)
    async def serve(request: HttpRequest, **path: Any) -> HttpResponseBase:
        view = anthropics if speaks_anthropic(request.path_info, request.headers) else usual
        return await view(request, **path)

    return serve


_describe_models = describe_async("models_list", method="get", answer=either(ModelsAnswer, ListedModels))
_describe_model = describe_async(
    "models_retrieve", method="get", answer=either(ModelAnswer, ListedModel), ids=("name",)
)
models = _describe_models(_by_api(openai_views.models, _models))
model = _describe_model(_by_api(openai_views.model, _model))


async def _pieces(
    developer: Developer, telling: Telling, asked: Asked, custom_key: str | None
) -> AsyncGenerator[Sequence[Piece]]:
    """What arrives of the answer."""
    arriving = gateway.listen(
        developer,
        telling.answer,
        live=asked.stream,
        strict=True,
        model=asked.model,
        messages=asked.messages,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        settings=asked.settings,
        custom_key=custom_key,
        metadata={"endpoint": "messages"},
    )
    try:
        async with aclosing(arriving):
            async for pieces in arriving:
                yield pieces
    except ParameterRefused as error:
        raise named_here(error) from error


async def _read_out(pieces: AsyncGenerator[Sequence[Piece]]) -> None:
    async with aclosing(pieces):
        async for _ in pieces:
            pass


async def _encoded(telling: Telling, pieces: AsyncGenerator[Sequence[Piece]]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for some in pieces:
            for event in telling.events(some):
                yield _encode(event)
    for event in telling.end():
        yield _encode(event)


def _encode(event: Event) -> bytes:
    return encode_named_event(str(event["type"]), event)


def _error_event(request_id: str, error: Exception) -> bytes:
    """An error in the middle is told as one: the client raises it."""
    answer = answer_for(error, operation="create", resource="Message", request_id=request_id)
    return encode_named_event("error", in_anthropics_form(answer, request_id, error).body)
