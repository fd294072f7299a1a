"""How a value is sealed for one row of one developer, and opened again."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from django.conf import settings

from agents.vault.errors import SecretNotReadable, SecretsNotConfigured
from agents.vault.master_keys import MasterKey, UnusableMasterKey, read_master_keys

# Sealed with the value: what the rest is, and whose it is. A sealed text that was moved to another row does not open.
_FORM = b"\x01"
_NOBODY = UUID(int=0)


class Place(NamedTuple):
    """The row a value is sealed for."""

    developer_id: UUID
    agent_id: UUID | None
    secret_id: UUID

    @property
    def prefix(self) -> bytes:
        """What the sealed text begins with inside."""
        ids = (self.developer_id, self.agent_id or _NOBODY, self.secret_id)
        return _FORM + b"".join(row_id.bytes for row_id in ids)


class Sealed(NamedTuple):
    """A sealed value, and the fingerprint of the key that opens it."""

    text: str
    fingerprint: str


def master_keys() -> Sequence[MasterKey]:
    """The keys of this server, the newest first.

    Raises:
        SecretsNotConfigured: there is none, or the setting cannot be read.
    """
    try:
        keys = read_master_keys(settings.SECRETS_MASTER_KEY)
    except UnusableMasterKey as error:
        raise SecretsNotConfigured(f"SECRETS_MASTER_KEY cannot be used: {error}") from None
    if not keys:
        raise SecretsNotConfigured
    return keys


def seal(value: str, place: Place) -> Sealed:
    """Seal with the newest key.

    Raises:
        SecretsNotConfigured
    """
    keys = master_keys()
    token = _all_of(keys).encrypt(place.prefix + value.encode())
    return Sealed(token.decode(), keys[0].fingerprint)


def open_sealed(sealed: Sealed, place: Place) -> str:
    """The value.

    Raises:
        SecretsNotConfigured
        SecretNotReadable: another key sealed it, it was sealed for another row, or it was changed.
    """
    inside = _opened(sealed, master_keys(), place)
    if not inside.startswith(place.prefix):
        raise SecretNotReadable(f"Secret {place.secret_id} was sealed for another row")
    return inside[len(place.prefix) :].decode()


def reseal(sealed: Sealed, place: Place) -> Sealed:
    """The same, sealed with the newest key.

    Raises:
        SecretsNotConfigured, SecretNotReadable: as `open_sealed`.
    """
    return seal(open_sealed(sealed, place), place)


def _opened(sealed: Sealed, keys: Sequence[MasterKey], place: Place) -> bytes:
    if sealed.fingerprint not in {key.fingerprint for key in keys}:
        known = ", ".join(key.fingerprint for key in keys)
        raise SecretNotReadable(
            f"Secret {place.secret_id} was sealed with another master key ({sealed.fingerprint}) than this server has "
            f"({known}): add that key to SECRETS_MASTER_KEY and restart the server"
        )
    try:
        return _all_of(keys).decrypt(sealed.text)
    except (InvalidToken, ValueError):
        raise SecretNotReadable(f"Secret {place.secret_id} was changed after it was sealed") from None


def _all_of(keys: Sequence[MasterKey]) -> MultiFernet:
    return MultiFernet([key.fernet for key in keys])
