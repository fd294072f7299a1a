"""Asks a provider that speaks OpenAI's protocol over the connections of the process, and reads what it says.

What goes wrong is raised as the client library would raise it: one place makes errors of the domain of all of them.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import cache, partial
from importlib import import_module
from time import time
from types import ModuleType
from typing import Any, cast
from uuid import uuid4

import httpx

from agents.llm.openai_protocol.wording import Wording
from julep_project.core.json_value import Json
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.outside_json import read_pieces

# An extension of the requests made here, whose streams are read as events, whatever they are called.
READ_AS_EVENTS = "read_as_events"
_DATA, _DONE = b"data:", b"[DONE]"
# Larger ones are read on a thread.
_SMALL_ANSWER_BYTES = 64 * 1024
_NO_ANSWER = "the provider sent something else than an answer"


class LeftToLibrary(Exception):
    """The provider refused the question since the answer was to be shorter than any: the library makes an answer of it
    that says nothing."""


def ask(litellm: ModuleType, wording: Wording, timeout_s: float) -> dict[str, Json]:
    """The whole answer.

    Raises:
        LeftToLibrary
        Exception: one of the SDK's.
    """
    client: httpx.Client = litellm.client_session
    with _as_sdk_errors():
        response = client.send(_request(client, wording, timeout_s))
    return _whole(_answered(litellm, response))


async def ask_async(litellm: ModuleType, wording: Wording, timeout_s: float) -> dict[str, Json]:
    """The same for async code. Being cancelled closes the connection."""
    client: httpx.AsyncClient = litellm.aclient_session
    with _as_sdk_errors():
        response = await client.send(_request(client, wording, timeout_s))
    whole = partial(_whole, _answered(litellm, response))
    return whole() if len(response.content) <= _SMALL_ANSWER_BYTES else await in_thread(whole)


async def open_stream(litellm: ModuleType, wording: Wording, timeout_s: float) -> "Events":
    """The answer as it comes, once the provider has begun.

    Raises:
        as `ask`.
    """
    client: httpx.AsyncClient = litellm.aclient_session
    with _as_sdk_errors():
        response = await client.send(_request(client, wording, timeout_s), stream=True)
        if not response.is_success:
            await response.aread()
    return Events(_answered(litellm, response), wording.model)


class Events:
    """The chunks of a stream, as plain objects."""

    def __init__(self, response: httpx.Response, model: str) -> None:
        self._response = response
        self.model = model
        self.completion_stream = self._chunks()

    async def aclose(self) -> None:
        """Close the connection, which is what makes a provider stop."""
        await self._response.aclose()

    async def _chunks(self) -> AsyncGenerator[Mapping[str, Json]]:
        """Lines come whole, and of an event all data is in one."""
        async with aclosing(cast(AsyncGenerator[bytes], self._response.aiter_bytes())) as pieces:
            async for lines in pieces:
                for line in lines.splitlines():
                    if not line.startswith(_DATA):
                        continue
                    data = line[len(_DATA) :].strip()
                    if data.startswith(_DONE):
                        return
                    yield {"choices": [], **self._chunk(data)}

    def _chunk(self, data: bytes) -> dict[str, Json]:
        chunk = _object(data)
        if chunk.get("error"):
            raise _sdk().APIError(_message_of(chunk["error"]), self._response.request, body=chunk["error"])
        return chunk


def _request(client: httpx.Client | httpx.AsyncClient, wording: Wording, timeout_s: float) -> httpx.Request:
    return client.build_request(
        "POST",
        wording.url,
        headers=dict(wording.headers),
        content=wording.body,
        timeout=timeout_s,
        extensions={READ_AS_EVENTS: True},
    )


@contextmanager
def _as_sdk_errors() -> Iterator[None]:
    """What goes wrong on the way, as the SDK has it."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise _sdk().APITimeoutError(error.request) from error
    except httpx.HTTPError as error:
        raise _sdk().APIConnectionError(message=f"Connection error: {error}", request=error.request) from error


def _answered(litellm: ModuleType, response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    error = _sdk_client(litellm)._make_status_error_from_response(response)
    known = import_module("litellm.llms.openai.common_utils")
    if response.status_code == httpx.codes.BAD_REQUEST and known.is_output_token_limit_error(error):
        raise LeftToLibrary(str(error)) from error
    raise known.OpenAIError(
        status_code=error.status_code, message=error.message, headers=response.headers, body=error.body
    ) from error


def _whole(response: httpx.Response) -> dict[str, Json]:
    answer = _object(response.content)
    if answer.get("error"):
        raise _sdk().APIError(_message_of(answer["error"]), response.request, body=answer["error"])
    choices = answer.get("choices") or []
    if not isinstance(choices, list) or not all(map(_is_choice, choices)):
        raise ValueError(_NO_ANSWER)
    numbered = [{"index": place, **choice} for place, choice in enumerate(choices)]
    return {
        "id": f"chatcmpl-{uuid4()}",
        "object": "chat.completion",
        "created": int(time()),
        **answer,
        "choices": numbered,
    }


def _is_choice(choice: Json) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)


def _object(content: bytes) -> dict[str, Json]:
    read = read_pieces(content)
    if not isinstance(read, dict):
        raise ValueError(_NO_ANSWER)
    return read


def _message_of(error: Json) -> str:
    said = error.get("message") if isinstance(error, Mapping) else error
    return str(said or "An error occurred during streaming")


@cache
def failures() -> tuple[type[Exception], ...]:
    """What goes wrong with a provider, or on the way to it. All else that is raised here is a fault of ours."""
    of_library = import_module("litellm.llms.base_llm.chat.transformation").BaseLLMException
    return (_sdk().OpenAIError, of_library, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)


def _sdk() -> Any:
    return import_module("openai")


@cache
def _sdk_client(litellm: ModuleType) -> Any:
    """Asks nobody: it makes the SDK's errors of answers."""
    return _sdk().OpenAI(api_key="none", http_client=litellm.client_session)
