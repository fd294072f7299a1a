"""The question for a provider that speaks OpenAI's protocol, as the client library would send it.

The way through the library takes milliseconds, the functions with which it makes a body of its arguments take none. So
these are called, and the rest is left to those questions that need it: which go to another API than this one, or have
parts that the library fetches or prices in its own way.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from agents.llm.request import ModelRequest
from julep_project.core.json_value import Json
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.jsontext import to_json_text

log = logging.getLogger(__name__)

PROVIDER = "openai"
_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
_OWN_ADDRESS = "https://api.openai.com/v1"
_KEY = "OPENAI_API_KEY"
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "OpenAI-Organization": ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID"),
    "OpenAI-Project": ("OPENAI_PROJECT_ID",),
}
# Of the library's arguments: how it is to ask, and no part of the question.
_HOW = frozenset({"model", "messages", "timeout", "max_retries", "api_key", "_skip_mcp_handler", "cache"})
# The library says of a whole answer, too, that it is none.
_STREAM = "stream"
# Searches have a price of their own, and some models search whatever they are asked.
_PRICED_APART, _SEARCHING = "web_search_options", "-search-"
# The SDK sends what is said there with each question.
_MORE_HEADERS = "OPENAI_CUSTOM_HEADERS"
# To word more than this takes so long that others on an event loop would notice.
_MOST_CHARACTERS, _MOST_PARTS = 64 * 1024, 100
# The library may fetch what they name.
_FETCHED = "file"


@dataclass(frozen=True, slots=True)
class Wording:
    """One request of the protocol. `model` is as the provider calls it."""

    model: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def worded(
    litellm: ModuleType, provider: str, request: ModelRequest, options: Mapping[str, Json], *, is_streamed: bool
) -> Wording | None:
    """The request for the library's arguments `options`; None where the library is to make it by itself, or to say why
    it cannot be made."""
    key = request.api_key or os.environ.get(_KEY)
    if provider != PROVIDER or not key or os.environ.get(_MORE_HEADERS) or not _is_plain(request):
        return None
    model = str(litellm.get_llm_provider(model=request.model)[0])
    given = {name: value for name, value in options.items() if name not in _HOW}
    try:
        address = _address()
        if address is None or not _is_chat(model, given, address):
            return None
        data = _data(litellm, model, options["messages"], given, address)
        if is_streamed:
            data |= {_STREAM: True, "stream_options": {"include_usage": True}}
        body = to_json_text(data).encode()
    except Exception as error:  # whatever it does not like; it tells in words of its own, to who asks it the usual way
        log.debug("left to the library", extra={"model": request.model, "error_type": type(error).__name__})
        return None
    return Wording(model, f"{address}/chat/completions", _headers(key), body)


async def worded_async(
    litellm: ModuleType, provider: str, request: ModelRequest, options: Mapping[str, Json], *, is_streamed: bool
) -> Wording | None:
    """`worded`, on a thread where it takes a while."""
    if _is_short(request):
        return worded(litellm, provider, request, options, is_streamed=is_streamed)
    return await in_thread(worded, litellm, provider, request, options, is_streamed=is_streamed)


def _is_short(request: ModelRequest) -> bool:
    """Whether the question has few parts and little text. Pictures and the like count as much."""
    contents = [message.get("content") or "" for message in request.messages]
    characters = sum(len(content) if isinstance(content, str) else _MOST_CHARACTERS for content in contents)
    return len(request.messages) + 5 * len(request.tools) <= _MOST_PARTS and characters < _MOST_CHARACTERS


def _address() -> str | None:
    """Where OpenAI is, or who stands in for it; None for an address that has more than a path.

    Raises:
        ValueError: it is no address.
    """
    address = next((os.environ[name] for name in _ADDRESSES if os.environ.get(name)), _OWN_ADDRESS)
    parts = urlsplit(address)
    return None if parts.query or parts.fragment else address.rstrip("/")


def _headers(key: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Accept": "application/json"}
    for name, variables in _HEADERS.items():
        value = next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
        if value is not None:
            headers[name] = value
    return headers


def _is_plain(request: ModelRequest) -> bool:
    contents = (message.get("content") for message in request.messages)
    parts = (part for content in contents if isinstance(content, list) for part in content)
    is_searching = _PRICED_APART in request.settings or _SEARCHING in f"{request.model}-"
    return not is_searching and not any(isinstance(part, Mapping) and part.get("type") == _FETCHED for part in parts)


def _is_chat(model: str, given: Mapping[str, Any], address: str) -> bool:
    """Whether the library would ask this API for the answer, and by this name of the model."""
    info, name = import_module("litellm.main").responses_api_bridge_check(
        model=model,
        custom_llm_provider=PROVIDER,
        tools=given.get("tools"),
        reasoning_effort=given.get("reasoning_effort"),
        # Without an address of somebody's own the library sees none.
        api_base=None if address == _OWN_ADDRESS else address,
    )
    return bool(name == model and info.get("mode") != "responses")


def _data(litellm: Any, model: str, messages: Any, given: Mapping[str, Json], address: str) -> dict[str, Json]:
    library = import_module("litellm.utils")
    config = library.ProviderConfigManager.get_provider_chat_config(model, litellm.LlmProviders(PROVIDER))
    messages = library.validate_and_fix_openai_messages([dict(message) for message in messages])
    messages = config.translate_developer_role_to_system_role(messages=messages)
    said = {**given, "stop": library.validate_openai_optional_params(stop=given.get("stop"))}
    said["tool_choice"] = library.validate_chat_completion_tool_choice(tool_choice=said.get("tool_choice"), model=model)
    optional = library.get_optional_params(model=model, custom_llm_provider=PROVIDER, messages=messages, **said)
    about = {"custom_llm_provider": PROVIDER, "api_base": None if address == _OWN_ADDRESS else address}
    data = config.transform_request(
        model=model, messages=messages, optional_params=optional, litellm_params=about, headers={}
    )
    beside = data.pop("extra_body", None) or {}
    return {name: value for name, value in {**data, **beside}.items() if value is not None and name != _STREAM}
