"""Which model answers when nobody names one, and which models are listed."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings as server

from agents.llm.own.hashing import HASHING
from agents.llm.own.offline import ECHO
from agents.models import Agent
from julep_project.core.errors import BadRequest
from julep_project.env import env_secret

# Provider key in the environment -> the model used when a key is there and no model is named. First one wins.
DEFAULT_MODELS: Mapping[str, str] = {
    "OPENAI_API_KEY": "gpt-4.1-mini",
    "ANTHROPIC_API_KEY": "claude-haiku-4-5",
    "GEMINI_API_KEY": "gemini/gemini-2.5-flash",
    "MISTRAL_API_KEY": "mistral/mistral-small-latest",
    "DEEPSEEK_API_KEY": "deepseek/deepseek-chat",
}


def resolve_model(requested: str | None, agent: Agent | None = None) -> str:
    """The model to call: the one asked for, the agent's default setting, the agent's model, `DEFAULT_MODEL`, that of
    the first provider with a key, and with no key at all the offline echo.

    Raises:
        BadRequest: the name is not one a model can have.
    """
    named = [requested]
    if agent is not None:
        named += [agent.default_settings.get("model"), agent.model]
    named.append(server.DEFAULT_MODEL)
    for name in named:
        if name:
            return _checked(name)
    return next(iter(_models_with_key()), ECHO)


def resolve_listed_model(requested: str | None, agent: Agent | None = None) -> str:
    """The model to call, as `resolve_model` finds it.

    Raises:
        BadRequest: the name is not one a model can have, or not one this server offers.
    """
    model = resolve_model(requested, agent)
    check_listed(model)
    return model


def check_listed(name: str) -> None:
    """Any name will do, unless the server is configured with a list of models.

    Raises:
        BadRequest: the model is not on it.
    """
    if server.MODELS and name not in list_models():
        raise _not_usable(f"Model {name} not available. Available models: {list_models()}")


def resolve_embedding_model(requested: str | None) -> str:
    """The model that embeds: the one asked for, `EMBEDDING_MODEL`, and with neither the offline hashing.

    Raises:
        BadRequest: the name is not one a model can have.
    """
    return _checked(requested or server.EMBEDDING_MODEL or HASHING)


def list_models(custom_key: str | None = None) -> list[str]:
    """Names worth showing: those in `MODELS`, the default, one per provider with a key, and the offline echo.
    Others may be called too. A caller's own key may be one of any provider."""
    with_key = DEFAULT_MODELS.values() if custom_key else _models_with_key()
    names = [*server.MODELS, *([server.DEFAULT_MODEL] if server.DEFAULT_MODEL else []), *with_key, ECHO]
    return list(dict.fromkeys(names))


def _models_with_key() -> list[str]:
    return [model for variable, model in DEFAULT_MODELS.items() if env_secret(variable)]


def _checked(name: Any) -> str:
    """A model name goes into a URL for some providers, and may itself be one: then the key would follow it."""
    if not isinstance(name, str) or "://" in name or len(name) > 255 or any(c.isspace() or c < " " for c in name):
        raise _not_usable(f"{str(name)[:80]!r} is not the name of a model")
    return name


def _not_usable(message: str) -> BadRequest:
    error = BadRequest(message)
    error.param = "model"
    return error
