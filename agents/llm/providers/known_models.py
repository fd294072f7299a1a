"""Models as the client library lists them: which a provider has, and which one was meant by a name that is none."""

from difflib import get_close_matches
from functools import lru_cache
from types import ModuleType

from julep_project.core.errors import ModelNotUsable

# Of what is listed, what can be asked here.
_MODES = frozenset({"chat", "embedding"})
# Servers that somebody runs, of OpenAI's protocol: without an address the library asks OpenAI what was meant for them.
OWN_SERVERS = frozenset({"hosted_vllm", "litellm_proxy", "lm_studio"})
# Names made up by their owners.
_OWN_NAMES = ("ft:", "azure/")
_LONGEST_COMPARED = 64
_LONGEST_SHOWN = 80


def models_of(litellm: ModuleType, provider: str) -> list[str]:
    """The models of a provider that can be asked, by name."""
    return sorted(
        name
        for name, entry in litellm.model_cost.items()
        if entry.get("litellm_provider") == provider and entry.get("mode") in _MODES and not name.startswith(_OWN_NAMES)
    )


def unknown_model(litellm: ModuleType, model: str) -> ModelNotUsable:
    """The error for a name that says of no provider that it has such a model."""
    meant = nearest_model(litellm, model[:_LONGEST_COMPARED])
    hint = f"Did you mean {meant!r}?" if meant else "Its provider may be named before it, as in 'anthropic/...'."
    error = ModelNotUsable(f"No provider is known to have a model called {model[:_LONGEST_SHOWN]!r}. {hint}")
    error.param = "model"
    return error


def no_address(provider: str) -> ModelNotUsable:
    """The error for a server whose address nobody has given."""
    error = ModelNotUsable(
        f"The server does not know where {provider} is. Set {provider.upper()}_API_BASE, as a line of .julep/env."
    )
    error.param = "model"
    return error


@lru_cache(maxsize=1024)
def nearest_model(litellm: ModuleType, model: str) -> str | None:
    """The name that was meant, perhaps."""
    names = [name for name, entry in litellm.model_cost.items() if entry.get("mode") in _MODES]
    return next(iter(get_close_matches(model, names, n=1)), None)
