"""Which settings of a question reach its provider.

A question that is strict says what its caller sent: each setting is sent on, or refused by name before anybody is
asked. Of other questions, whose settings were made for some other model perhaps, those are left out that the model does
not take.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from agents.llm.request import ModelRequest
from agents.llm.sampling import OPEN_MODEL_SAMPLING
from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused

# Servers of open models, which know more ways of sampling than the usual API.
_OPEN_MODEL_PROVIDERS = frozenset(
    {"deepinfra", "fireworks_ai", "hosted_vllm", "huggingface", "ollama", "ollama_chat", "openrouter", "together_ai"}
)
_WITH_TOP_K = frozenset({"anthropic", "bedrock", "cohere", "cohere_chat", "gemini", "vertex_ai"})
# The API is theirs: they get all of it as it was given, and say themselves what a model does not take.
_OF_THE_API = frozenset({"azure", "openai"})
# Answers are held to it here, too.
_HELD_TO = frozenset({"response_format"})
# With these values they change nothing.
_USUAL: Mapping[str, Json] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "service_tier": "auto",
    "store": False,
    "top_logprobs": 0,
}
# Of a part of a message: up to where a prompt is kept, and what is to be heard.
_MARK, _SOUND = "prompt_cache_breakpoint", "input_audio"
_DEAF = frozenset({"anthropic", "bedrock", "cohere", "cohere_chat", "ollama", "ollama_chat"})
# The library has to word them for some models. All else it might judge by rules of its own, or forget.
_WORDED = frozenset({"max_tokens", "reasoning_effort", "response_format"})

# How much to think: tokens up to which it is that effort.
_EFFORTS = ((4096, "low"), (16384, "medium"))
_MOST_EFFORT = "high"


@dataclass(frozen=True, slots=True)
class EmbeddingBatch:
    """Texts to be embedded together, or the tokens of some. `dimensions` None takes what the model gives."""

    model: str
    inputs: Sequence[str] | Sequence[list[int]]
    dimensions: int | None = None
    timeout_s: float = 300.0
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    is_strict: bool = False


def is_of_the_api(provider: str) -> bool:
    """Whether the provider is one whose API this is, and takes all of it."""
    return provider in _OF_THE_API


def embedding_options(provider: str, batch: EmbeddingBatch) -> dict[str, Json]:
    """Arguments of the library's embedding functions. `dimensions` is left out where a model has no choice, as far as
    the library knows: vectors of another length are refused.

    Raises:
        ParameterRefused: it is strict, and the provider does not take something.
    """
    options: dict[str, Json] = {"model": batch.model, "input": list(batch.inputs), "drop_params": True}
    if batch.dimensions is not None:
        options["dimensions"] = batch.dimensions
        if batch.is_strict and is_of_the_api(provider):
            options["allowed_openai_params"] = ["dimensions"]
    if batch.user is not None:
        if not is_of_the_api(provider):
            raise _refused("user", batch.model)
        options["user"] = batch.user
    return options


def sent_settings(litellm: ModuleType, provider: str, request: ModelRequest) -> dict[str, Json]:
    """Arguments of the library's completion functions.

    Raises:
        ParameterRefused: the question is strict, and the model does not take one of its settings.
    """
    settings = _without_lost_thoughts(request)
    if provider not in _OF_THE_API and _is_of_any_form(settings.get("response_format")):
        settings["response_format"] = {"type": "json_object"}
    if not request.is_strict:
        return {"drop_params": True, **_known_to_provider(settings, provider)}
    known = _known_to_library(litellm, provider, request.model)
    settings = _with_known_thinking(settings, known, request.model)
    if request.tools and "tools" not in known:
        raise _refused("tools", request.model)
    if request.tool_choice not in (None, "auto") and "tool_choice" not in known:
        raise _refused("tool_choice", request.model)
    if provider in _OF_THE_API:
        mapped = {name: value for name, value in settings.items() if name in known & _WORDED}
        as_given = {name: value for name, value in settings.items() if name not in mapped}
        return {"drop_params": False, **mapped, **({"extra_body": as_given} if as_given else {})}
    _refuse_foreign_parts(provider, request)
    if provider in _OPEN_MODEL_PROVIDERS:
        known |= OPEN_MODEL_SAMPLING
    elif provider in _WITH_TOP_K:
        known |= {"top_k"}
    for name in sorted(settings.keys() - known - _HELD_TO):
        if name not in _USUAL or settings[name] != _USUAL[name]:
            raise _refused(name, request.model)
    return {"drop_params": False, **{name: settings[name] for name in settings.keys() & known}}


def _refused(name: str, model: str) -> ParameterRefused:
    return ParameterRefused(name, f"the model {model} does not take it")


def _refuse_foreign_parts(provider: str, request: ModelRequest) -> None:
    """What only OpenAI knows what to do with, and sounds where the library leaves them out."""
    foreign = [_MARK, _SOUND] if provider in _DEAF or "claude" in request.model.lower() else [_MARK]
    for place, message in enumerate(request.messages):
        if message.get("audio") is not None:
            raise _refused(f"messages[{place}].audio", request.model)
        content = message.get("content")
        for at, part in enumerate(content if isinstance(content, list) else ()):
            for name in foreign if isinstance(part, Mapping) else ():
                if part.get(name) is not None:
                    raise _refused(f"messages[{place}].content[{at}].{name}", request.model)


def _known_to_library(litellm: ModuleType, provider: str, model: str) -> frozenset[str]:
    """What the library sends to the model. Of a provider it knows nothing of, it expects the usual API."""
    bare = litellm.get_llm_provider(model=model)[0]
    found = litellm.get_supported_openai_params(model=bare, custom_llm_provider=provider)
    if found is None:
        found = litellm.get_supported_openai_params(model=bare, custom_llm_provider="openai")
    return frozenset(found or ())


def _with_known_thinking(settings: Mapping[str, Json], known: Collection[str], model: str) -> dict[str, Json]:
    """The settings of a model that knows these. Where it is told an effort only, that is what comes of a budget; and
    to think as it sees fit needs no telling.

    Raises:
        ParameterRefused: it has to think, and cannot be told.
    """
    thinking = settings.get("thinking")
    if not isinstance(thinking, Mapping) or "thinking" in known:
        return dict(settings)
    others = {name: value for name, value in settings.items() if name != "thinking"}
    if thinking.get("type") != "enabled":
        return others
    if "reasoning_effort" not in known:
        raise ParameterRefused("thinking", f"the model {model} cannot be told to think")
    budget = thinking.get("budget_tokens")
    effort = next((name for most, name in _EFFORTS if isinstance(budget, int) and budget <= most), _MOST_EFFORT)
    return {"reasoning_effort": effort, **others}


def _known_to_provider(settings: Mapping[str, Json], provider: str) -> dict[str, Json]:
    """Settings without those for which the provider would refuse the whole request."""
    if provider in _OPEN_MODEL_PROVIDERS:
        return dict(settings)
    return {name: value for name, value in settings.items() if name not in OPEN_MODEL_SAMPLING}


def _is_of_any_form(wanted: Json) -> bool:
    """JSON is asked for by a schema, and there is none: the library would not know what to do."""
    described = (
        wanted.get("json_schema") if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema" else None
    )
    return isinstance(described, Mapping) and described.get("schema") is None


def _without_lost_thoughts(request: ModelRequest) -> dict[str, Json]:
    """Claude may not go on thinking where what it thought before its last calls is not there."""
    settings = dict(request.settings)
    if "claude" in request.model.lower() and _lost_thoughts(request.messages):
        settings.pop("reasoning_effort", None)
    return settings


def _lost_thoughts(messages: Sequence[Mapping[str, Json]]) -> bool:
    """Whether the last answer called tools, and what was thought before is not there."""
    last = next((message for message in reversed(messages) if message.get("role") == "assistant"), {})
    return bool(last.get("tool_calls")) and not last.get("thinking_blocks")
