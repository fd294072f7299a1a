"""The OpenAI API itself, passed through the gateway: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`."""

import asyncio
import base64
import struct
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.openai_answers import ChatCompletionAnswer, EmbeddingsAnswer, ModelAnswer, ModelsAnswer
from agents.llm import gateway
from agents.llm.choice import list_models, resolve_listed_model
from agents.llm.custom_key import custom_key_of
from agents.llm.request import MOST_MESSAGES, MOST_TOOLS
from agents.llm.sampling import OPEN_MODEL_SAMPLING, SAMPLING
from agents.models import Developer
from agents.request_schemas import FunctionTool, LogitBias, ResponseFormat, ToolChoice
from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe_async
from julep_project.core.api.async_views import api_view, json_response, read_json, read_request
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.errors import AnswerTimedOut, BadRequest, NotFound
from julep_project.core.json_value import Json
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_event
from julep_project.core.pauses.standing import acheck_intake
from julep_project.core.reading.fields import Body, Example, JsonObject, ListOf, Number, Text, TextList
from julep_project.core.reading.validation import invalid

MOST_TEXTS = 2048
_DONE = b"data: [DONE]\n\n"
# When the models of this server were made is not known to it.
_CREATED = 0


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {}}]})
class _Content(serializers.Field[Json, Json, Json, Json]):
    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be text or a list of parts."}

    def to_internal_value(self, data: Json) -> Json:
        """The text or the parts."""
        parts = data if isinstance(data, list) else [data] if isinstance(data, str) else [None]
        if not all(isinstance(part, str | Mapping) for part in parts):
            self.fail("string_type")
        return data


class CompletionCallBody(serializers.Serializer[Any]):
    """A call that a message names."""

    function = serializers.DictField(required=False)


class CompletionMessageBody(serializers.Serializer[Any]):
    """A message, in the form of the chat completions API."""

    role = serializers.ChoiceField(["system", "developer", "user", "assistant", "tool", "function"])
    content = _Content(required=False, allow_null=True)
    tool_calls = ListOf(child=CompletionCallBody(), required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """The whole message; the provider judges the rest."""
        super().to_internal_value(data)
        return dict(data)


class ChatCompletionBody(Body):
    """What a completion is made of."""

    example = Example(
        model="offline/echo", messages=[{"role": "user", "content": "When is high tide?"}], max_tokens=200
    )

    model = Text(required=False, max_length=255)
    messages = ListOf(child=CompletionMessageBody(), min_length=1, max_length=MOST_MESSAGES)
    tools = ListOf(child=FunctionTool(), required=False, max_length=MOST_TOOLS)
    tool_choice = ToolChoice(required=False)
    stream = serializers.BooleanField(default=False)
    stream_options = JsonObject(required=False)
    temperature = Number(required=False)
    top_p = Number(required=False)
    min_p = Number(required=False)
    top_k = serializers.IntegerField(required=False)
    frequency_penalty = Number(required=False)
    presence_penalty = Number(required=False)
    repetition_penalty = Number(required=False)
    length_penalty = Number(required=False)
    max_tokens = serializers.IntegerField(required=False, min_value=1)
    max_completion_tokens = serializers.IntegerField(required=False, min_value=1)
    stop = TextList(required=False)
    seed = serializers.IntegerField(required=False)
    response_format = ResponseFormat(required=False)
    logit_bias = LogitBias(required=False)
    logprobs = serializers.BooleanField(required=False)
    top_logprobs = serializers.IntegerField(required=False)
    parallel_tool_calls = serializers.BooleanField(required=False)
    reasoning_effort = Text(required=False)


class EmbeddingsBody(Body):
    """How vectors are made."""

    model = Text(required=False, max_length=255)
    encoding_format = serializers.ChoiceField(["float", "base64"], default="float")
    dimensions = serializers.IntegerField(required=False, min_value=1)


class WholeEmbeddingsBody(EmbeddingsBody):
    """What vectors are made of, with the `input`, which is read by itself."""

    example = Example(model="offline/hashing", input=["When is high tide?"])

    input = TextList()


@describe_async("chat_completions", body=ChatCompletionBody, answer={200: ChatCompletionAnswer, **SERVER_SENT_EVENTS})
@api_view("POST")
async def chat_completions(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """One answer of a model, whole or as it arrives."""
    await acheck_intake()
    values = await read_request(request, ChatCompletionBody.read)
    options: dict[str, Json] = {
        "messages": values["messages"],
        "model": resolve_listed_model(values.get("model")),
        "settings": {name: values[name] for name in values.keys() & (SAMPLING | OPEN_MODEL_SAMPLING)},
        "tools": values.get("tools"),
        "tool_choice": values.get("tool_choice"),
        "custom_key": custom_key_of(request.headers),
        "metadata": {"endpoint": "chat/completions"},
    }
    if not values["stream"]:
        return json_response(await _whole(developer, options))
    wants_usage = bool((values.get("stream_options") or {}).get("include_usage"))
    chunks = _encoded(gateway.astream(developer, **options), wants_usage)
    relay = Relay(chunks, error_event=_error_event, timeout_s=settings.CHAT_TIMEOUT_S)
    # What the provider refuses at once is refused with its status, before the stream opens.
    await relay.open()
    return event_stream(relay)


@describe_async("embeddings", body=WholeEmbeddingsBody, answer=EmbeddingsAnswer)
@api_view("POST")
async def embeddings(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """Vectors of texts."""
    body = await read_json(request)
    values = EmbeddingsBody.read(body)
    embedded = await gateway.aembed_counted(
        developer,
        _texts(body.get("input")),
        model=values.get("model"),
        dimensions=values.get("dimensions"),
        custom_key=custom_key_of(request.headers),
        metadata={"endpoint": "embeddings"},
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
    """The models worth showing."""
    return json_response({"object": "list", "data": [_model(name) for name in list_models()]})


@describe_async("models_retrieve", method="get", answer=ModelAnswer, ids=("name",))
@api_view("GET")
async def model(request: HttpRequest, developer: Developer, name: str) -> HttpResponseBase:
    """One of them."""
    if name not in list_models():
        raise NotFound(f"The model {name[:80]!r} does not exist")
    return json_response(_model(name))


async def _whole(developer: Developer, options: Json) -> dict[str, Json]:
    try:
        async with asyncio.timeout(settings.CHAT_TIMEOUT_S) as limit:
            answer = await gateway.acomplete(developer, **options)
    except TimeoutError:
        if limit.expired():
            raise AnswerTimedOut from None
        raise
    for choice in answer["choices"]:
        choice.pop("content", None)
    return answer


async def _encoded(chunks: AsyncGenerator[dict[str, Json], None], wants_usage: bool) -> AsyncGenerator[bytes, None]:
    """The chunks as they are sent.

    Clients look into the first choice of every chunk, so one without any comes only to those who asked for it.
    """
    async with aclosing(chunks):
        async for chunk in chunks:
            if wants_usage:
                yield encode_event(chunk)
            elif chunk["choices"]:
                yield encode_event({name: chunk[name] for name in chunk if name != "usage"})
    yield _DONE


def _error_event(error: Exception) -> bytes:
    """An error in the middle is told as one: the client raises it."""
    return encode_event(answer_for(error, operation="create", resource="Completion", is_published=True).body) + _DONE


def _texts(given: Json) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if texts is None:
        raise invalid(("input",), "missing")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequest("input must be a text or a list of texts; lists of token numbers are not supported")
    if len(texts) > MOST_TEXTS:
        raise invalid(("input",), "too_long", bound=MOST_TEXTS, received=f"{len(texts)} texts")
    if any(not text for text in texts):
        raise BadRequest("input must not hold empty texts")
    return texts


def _as_base64(vector: Sequence[float]) -> str:
    """Little-endian 32 bit floats: what the published client asks for when it is not told otherwise."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _model(name: str) -> dict[str, Json]:
    provider = name.partition("/")[0] if "/" in name else "system"
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": provider}
