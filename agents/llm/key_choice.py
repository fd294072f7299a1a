"""Which key a call is made with. The one place that decides it."""

from dataclasses import dataclass, field
from functools import partial

from agents.llm.custom_key import is_key
from agents.llm.keys.key_names import KEY_NAMES
from agents.llm.keys.stored import Keys, known_keys, read_keys
from agents.llm.own.offline import is_offline
from agents.llm.providers import provider
from agents.models import Developer
from agents.vault.values import open_row
from julep_project.core.database import run_query
from julep_project.core.errors import ModelNotUsable
from julep_project.core.process.threads import in_thread


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """`value` None: the client library takes the server's key for the provider from the environment."""

    value: str | None = field(default=None, repr=False)

    @property
    def is_callers(self) -> bool:
        """The caller's own key pays for the call."""
        return self.value is not None


def choose_key(developer: Developer, model: str, custom_key: str | None) -> KeyChoice:
    """The key sent with the request, else the developer's secret that is named like a key of the model's provider,
    else the key of the server. A secret that is changed or removed acts within two seconds.

    Raises:
        ModelNotUsable: the secret cannot be a key. The server's own is not used in its place.
        SecretsNotConfigured, SecretNotReadable: from `agents.vault.errors`.
        DomainError: no provider has such a model.
    """
    if custom_key or is_offline(model):
        return KeyChoice(custom_key or None)
    keys = known_keys(developer.pk)
    return _of_secrets(read_keys(developer) if keys is None else keys, model)


async def achoose_key(developer: Developer, model: str, custom_key: str | None) -> KeyChoice:
    """`choose_key` for async code."""
    if custom_key or is_offline(model):
        return KeyChoice(custom_key or None)
    keys = known_keys(developer.pk)
    if keys is None:
        keys = await run_query(partial(read_keys, developer))
    # The client library, which may have to be imported, tells whose the model is.
    return await in_thread(_of_secrets, keys, model) if keys else KeyChoice()


def _of_secrets(keys: Keys, model: str) -> KeyChoice:
    if not keys:
        return KeyChoice()
    names = KEY_NAMES.get(provider.provider_of(provider.library(), model), ())
    name = next((name for name in names if name in keys), None)
    if name is None:
        return KeyChoice()
    value = open_row(keys[name]).strip()
    if not is_key(value):
        raise ModelNotUsable(f"The secret {keys[name].name} is not a key: no provider could be sent its value")
    return KeyChoice(value)
