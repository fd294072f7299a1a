"""The OpenAI API itself, passed through the gateway: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`."""

import base64
import struct
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agents.api.completion_answer import chunks_of, completion_of
from agents.api.completion_body import ChatCompletionBody
from agents.api.embedding_body import EmbeddingsBody
from agents.api.openai_answers import ChatCompletionAnswer, EmbeddingsAnswer, ModelAnswer, ModelsAnswer
from agents.llm import gateway
from agents.llm.choice import resolve_listed_model
from agents.llm.custom_key import custom_key_of
from agents.llm.keys.usable_models import check_usable, list_usable_models
from agents.llm.sampling import OPEN_MODEL_SAMPLING, PASSED_ON, SAMPLING
from agents.models import Developer
from agents.request_schemas import ALLOWED_TOOLS
from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.json_value import Json
from julep_project.core.live.in_time import answered_in_time
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_event
from julep_project.core.pauses.standing import acheck_intake
from julep_project.core.reading.surface import ParameterRefused

_DONE = b"data: [DONE]\n\n"
# When the models of this server were made is not known to it.
_CREATED = 0
_SETTINGS = SAMPLING | OPEN_MODEL_SAMPLING | PASSED_ON


@describe_async("chat_completions", body=ChatCompletionBody, answer={200: ChatCompletionAnswer, **SERVER_SENT_EVENTS})
@api_view("POST")
async def chat_completions(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One answer of a model, whole or as it arrives."""
    await acheck_intake()
    values = await read_request(request, ChatCompletionBody.read)
    tools, choice = _offered(values)
    options: dict[str, Json] = {
        "messages": values["messages"],
        "model": resolve_listed_model(values.get("model")),
        "settings": {name: values[name] for name in values.keys() & _SETTINGS},
        "tools": tools,
        "tool_choice": choice,
        "custom_key": custom_key_of(request.headers),
        "metadata": {"endpoint": "chat/completions"},
        "strict": True,
    }
    wants_usage = _wants_usage(values)
    if not values["stream"]:
        answering = gateway.acomplete(developer, **options)
        return json_response(completion_of(await answered_in_time(answering), options["model"]))
    arriving = gateway.astream(developer, **options)
    chunks = _encoded(chunks_of(arriving, options["model"], wants_usage=wants_usage))
    relay = Relay(chunks, error_event=_error_event, timeout_s=settings.CHAT_TIMEOUT_S)
    # What the provider refuses at once is refused with its status, before the stream opens.
    await relay.open()
    return event_stream(relay)


@describe_async("embeddings", body=EmbeddingsBody, answer=EmbeddingsAnswer)
@api_view("POST")
async def embeddings(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """Vectors of texts."""
    values = await read_request(request, EmbeddingsBody.read)
    embedded = await gateway.aembed_counted(
        developer,
        values["input"],
        model=values.get("model"),
        dimensions=values.get("dimensions"),
        user=values.get("user"),
        custom_key=custom_key_of(request.headers),
        metadata={"endpoint": "embeddings"},
        strict=True,
    )
    encode = _as_base64 if values["encoding_format"] == "base64" else list
    rows = [
        {"object": "embedding", "index": place, "embedding": encode(vector)}
        for place, vector in enumerate(embedded.vectors)
    ]
    usage = {"prompt_tokens": embedded.prompt_tokens, "total_tokens": embedded.prompt_tokens}
    return json_response({"object": "list", "data": rows, "model": embedded.model, "usage": usage})


@describe_async("models_list", method="get", answer=ModelsAnswer)
@api_view("GET")
async def models(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """The models that the caller may use, as far as their names are known."""
    names = await list_usable_models(developer, custom_key_of(request.headers))
    return json_response({"object": "list", "data": [_model(name) for name in names]})


@describe_async("models_retrieve", method="get", answer=ModelAnswer, ids=("name",))
@api_view("GET")
async def model(request: HttpRequest, developer: Developer, name: str) -> HttpResponseBase:
    """One of them."""
    check_usable(name, await list_usable_models(developer, custom_key_of(request.headers)))
    return json_response(_model(name))


def _wants_usage(values: Mapping[str, Json]) -> bool:
    """Whether the usage is to be told in a stream.

    Raises:
        ParameterRefused: something is wanted that a stream does not have, or that only a stream has.
    """
    wanted = values.get("stream_options") or {}
    if wanted.get("include_obfuscation"):
        raise ParameterRefused("stream_options.include_obfuscation", "streams are not padded")
    if values["stream"] and values.get("n", 1) > 1:
        raise ParameterRefused("n", "a stream has one choice")
    wants_usage = bool(wanted.get("include_usage"))
    if wants_usage and not values["stream"]:
        raise ParameterRefused("stream_options.include_usage", "it is for streams; other answers have their usage")
    return wants_usage


def _offered(values: Mapping[str, Json]) -> tuple[Sequence[Json] | None, Json]:
    """The tools that the model is offered, and how it chooses among them.

    Raises:
        ParameterRefused: there are none to choose from.
    """
    tools, choice = values.get("tools"), values.get("tool_choice")
    if not tools and choice not in (None, "auto", "none"):
        raise ParameterRefused("tool_choice", "there are no tools")
    if tools and isinstance(choice, Mapping) and choice.get("type") == ALLOWED_TOOLS:
        allowed = [tool for tool in tools if (tool.get("function") or {}).get("name") in choice["names"]]
        if not allowed:
            raise ParameterRefused("tool_choice.allowed_tools.tools", "none of them is among the tools")
        return allowed, choice["mode"]
    return tools, choice


async def _encoded(chunks: AsyncGenerator[dict[str, Json], None]) -> AsyncGenerator[bytes, None]:
    """The chunks as they are sent."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield encode_event(chunk)
    yield _DONE


def _error_event(error: Exception) -> bytes:
    """An error in the middle is told as one: the client raises it."""
    return encode_event(answer_for(error, operation="create", resource="Completion", is_published=True).body) + _DONE


def _as_base64(vector: Sequence[float]) -> str:
    """Little-endian 32 bit floats: what the published client asks for when it is not told otherwise."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _model(name: str) -> dict[str, Json]:
    provider = name.partition("/")[0] if "/" in name else "system"
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": provider}
