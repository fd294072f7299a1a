"""The way to language models, and the only importer of litellm.

litellm takes seconds to import and would fetch a price list from the network; it is imported on first use or by
`warm()`, with its own copy of the list.
"""

import logging
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from types import ModuleType
from typing import Any

from django.conf import settings as server

from agents.llm import offline
from agents.llm.choice import DEFAULT_MODELS, list_models, resolve_model
from agents.llm.errors import to_domain_error
from agents.llm.request import (
    OPEN_MODEL_SAMPLING,
    ModelRequest,
    merged_settings,
    normal_messages,
    normal_tool_choice,
)
from agents.llm.scripted import active_script
from agents.llm.usage import record_usage
from agents.models import Agent, Developer
from agents.tools.presentation import present_tools
from julep_project.core.errors import ModelUnavailable
from julep_project.env import env_secret, env_str

__all__ = ["complete", "list_models", "resolve_model", "warm"]

log = logging.getLogger(__name__)
Json = Any

# Servers of open models, which know more ways of sampling than the usual API.
_OPEN_MODEL_PROVIDERS = frozenset(
    {"deepinfra", "fireworks_ai", "hosted_vllm", "huggingface", "ollama", "ollama_chat", "openrouter", "together_ai"}
)
_ADDRESS_VARIABLES = ("OPENAI_API_BASE", "OPENAI_BASE_URL", "ANTHROPIC_API_BASE", "OLLAMA_API_BASE")


def complete(
    developer: Developer,
    *,
    messages: Sequence[Mapping[str, Json]],
    agent: Agent | None = None,
    model: str | None = None,
    settings: Mapping[str, Json] | None = None,
    tools: Sequence[Mapping[str, Json]] | None = None,
    tool_choice: Json = None,
    disable_cache: bool = False,
    timeout_s: float | None = None,
    custom_key: str | None = None,
    metadata: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Ask a model and record what the call used.

    `model`, else `settings["model"]`, else what `resolve_model` finds. `tools` are tool bodies or finished function
    definitions. The answer is a chat completion as plain JSON whose choices also carry `content`, the text of their
    message. Nothing is retried here; no database connection is used while the model is waited for.

    Raises:
        ModelRefused, PromptTooBig: for good.
        ModelUnavailable: the same request may succeed later.
        BadRequest: the model's name cannot be one.
    """
    given = settings or {}
    request = ModelRequest(
        model=resolve_model(model or given.get("model"), agent),
        messages=normal_messages(messages),
        settings=merged_settings(agent, given),
        tools=present_tools(tools or ()),
        tool_choice=normal_tool_choice(tool_choice),
        timeout_s=server.MODEL_TIMEOUT_S if timeout_s is None else timeout_s,
        api_key=custom_key,
        disable_cache=disable_cache,
    )
    started = time.monotonic()
    answer, cost = _ask(request)
    for choice in answer.get("choices") or ():
        choice["content"] = (choice.get("message") or {}).get("content")
    seconds = round(time.monotonic() - started, 3)
    log.info("model answered", extra={"action": "model_answered", "model": request.model, "seconds": seconds})
    record_usage(
        developer,
        model=request.model,
        answer=answer,
        cost=cost,
        custom_api_used=custom_key is not None,
        metadata=metadata,
    )
    return answer


def warm() -> None:
    """Import litellm now, so that the first call of a worker does not wait for it."""
    _litellm()


def _ask(request: ModelRequest) -> tuple[dict[str, Json], Decimal | None]:
    """The answer and its price; None when no price is known."""
    script = active_script()
    if script is not None:
        return script.answer(request), None
    if request.model == offline.ECHO:
        return offline.answer(request), Decimal(0)
    return _ask_provider(request)


@cache
def _litellm() -> ModuleType:
    """The library, set up to be quiet and to take keys from `.julep/env` too."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    for variable in (*DEFAULT_MODELS, *_ADDRESS_VARIABLES):
        value = env_secret(variable)
        if value:
            os.environ[variable] = value
    os.environ["LITELLM_DISABLE_BUG_REPORT_LINK"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm

        litellm.ModelResponse()  # the library finishes its classes on first use, with warnings about its own code
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.telemetry = False
    logging.getLogger("LiteLLM").setLevel(env_str("LITELLM_LOG", "WARNING"))
    return litellm


def _ask_provider(request: ModelRequest) -> tuple[dict[str, Json], Decimal | None]:
    litellm = _litellm()
    try:
        response = litellm.completion(**_options(litellm, request))
    except Exception as error:
        mapped = to_domain_error(error)
        if mapped is None:
            raise
        raise mapped from error
    answer = response.model_dump(mode="json")
    if not answer.get("choices"):
        raise ModelUnavailable("the model provider gave an answer without choices")
    return answer, _cost(litellm, request.model, response)


def _options(litellm: ModuleType, request: ModelRequest) -> dict[str, Json]:
    options: dict[str, Json] = {
        "model": request.model,
        "messages": list(request.messages),
        "timeout": request.timeout_s,
        "max_retries": 0,
        "drop_params": True,
        **_known_to_provider(litellm, request),
    }
    if request.tools:
        options["tools"] = list(request.tools)
        # Without this the library looks for tools of its own proxy and needs a package that is not installed.
        options["_skip_mcp_handler"] = True
        if request.tool_choice is not None:
            options["tool_choice"] = request.tool_choice
    if request.api_key is not None:
        options["api_key"] = request.api_key
    if request.disable_cache:
        options["cache"] = {"no-cache": True, "no-store": True}
    return options


def _known_to_provider(litellm: ModuleType, request: ModelRequest) -> dict[str, Json]:
    """Settings without those of open models where the provider would refuse the whole request for them."""
    if not OPEN_MODEL_SAMPLING & request.settings.keys():
        return dict(request.settings)
    try:
        provider = litellm.get_llm_provider(model=request.model)[1]
    except Exception as error:
        raise to_domain_error(error) or error from error
    if provider in _OPEN_MODEL_PROVIDERS:
        return dict(request.settings)
    return {name: value for name, value in request.settings.items() if name not in OPEN_MODEL_SAMPLING}


def _cost(litellm: ModuleType, model: str, response: Any) -> Decimal | None:
    """The price by litellm's own list; None for a model that is not on it."""
    try:
        priced = litellm.get_model_info(model=model)
        if priced.get("input_cost_per_token") is None:
            return None
        return Decimal(str(litellm.completion_cost(completion_response=response, model=model)))
    except Exception:  # the library raises bare exceptions for models it has no price of
        log.debug("no price known", extra={"model": model})
        return None
