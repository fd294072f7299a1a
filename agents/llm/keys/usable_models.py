"""Which models a caller may name: those that are configured, and those of providers there is a key for."""

from collections.abc import Collection
from difflib import get_close_matches
from functools import partial

from django.conf import settings as server

from agents.llm.choice import DEFAULT_MODELS, list_models, resolve_embedding_model
from agents.llm.keys.key_names import KEY_NAMES
from agents.llm.keys.stored import known_keys, read_keys
from agents.llm.providers import provider
from agents.llm.providers.known_models import models_of
from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.errors import NotFound
from julep_project.core.process.threads import in_thread
from julep_project.env import env_secret

_LONGEST_SHOWN = 80


async def list_usable_models(developer: Developer, custom_key: str | None = None) -> list[str]:
    """Their names. Of a key of the caller's own nobody knows whose it is: then the usual model of each provider is
    among them."""
    keys = known_keys(developer.pk)
    if keys is None:
        keys = await run_query(partial(read_keys, developer))
    return await in_thread(_usable, frozenset(keys), custom_key)


def check_usable(name: str, names: Collection[str]) -> None:
    """Refuse a name that is none of these.

    Raises:
        NotFound
    """
    if name not in names:
        meant = get_close_matches(name[:_LONGEST_SHOWN], names, n=1)
        hint = f". Did you mean {meant[0]!r}?" if meant else ""
        raise NotFound(f"The model {name[:_LONGEST_SHOWN]!r} does not exist{hint}")


def _usable(keys: Collection[str], custom_key: str | None) -> list[str]:
    names = list_models(custom_key)
    if not server.MODELS:
        names += [model for key, model in DEFAULT_MODELS.items() if key in keys]
        for name in _providers_with_key(keys):
            names += models_of(provider.library(), name)
    return list(dict.fromkeys([*names, resolve_embedding_model(None)]))


def _providers_with_key(keys: Collection[str]) -> list[str]:
    return [name for name, known in KEY_NAMES.items() if any(key in keys or env_secret(key) for key in known)]
