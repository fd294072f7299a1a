"""Tokens and secrets of clients: sealed as those of the vault are, opened for one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import orjson

from agents.connections.models import Connection, Provider
from agents.vault.errors import SecretNotReadable
from agents.vault.sealed_columns import SealedColumn, register
from agents.vault.sealing import Place, Sealed, open_sealed, seal


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in gave."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)

    @classmethod
    def of(cls, connection: Connection) -> Self | None:
        """Those of a connection; None when it has none, or they cannot be opened any more: one signs in anew then.

        Raises:
            SecretsNotConfigured
        """
        if not connection.sealed:
            return None
        try:
            text = open_sealed(Sealed(connection.sealed, connection.sealed_with), _place_of(connection))
        except SecretNotReadable:
            return None
        stored: Mapping[str, Any] = orjson.loads(text)
        return cls(stored["access"], stored["refresh"])

    def columns(self, developer_id: UUID, connection_id: UUID) -> dict[str, str]:
        """The columns of a connection with them.

        Raises:
            SecretsNotConfigured
        """
        text = orjson.dumps({"access": self.access, "refresh": self.refresh}).decode()
        return _columns(seal(text, Place(developer_id, None, connection_id)))


NO_TOKENS: Mapping[str, Any] = {"sealed": "", "sealed_with": "", "token_until": None}


def sealed_client_secret(text: str, developer_id: UUID, provider_id: UUID) -> dict[str, str]:
    """The columns of a provider with the secret of a client that was registered.

    Raises:
        SecretsNotConfigured
    """
    return _columns(seal(text, Place(developer_id, None, provider_id)))


def registered_client_secret(provider: Provider) -> str:
    """That secret; empty if there is none.

    Raises:
        SecretsNotConfigured, SecretNotReadable
    """
    if not provider.sealed:
        return ""
    return open_sealed(Sealed(provider.sealed, provider.sealed_with), _place_of(provider))


def _columns(sealed: Sealed) -> dict[str, str]:
    return {"sealed": sealed.text, "sealed_with": sealed.fingerprint}


def _place_of(row: Connection | Provider) -> Place:
    return Place(row.developer_id, None, row.pk)


register(SealedColumn(Connection, _place_of))
register(SealedColumn(Provider, _place_of))
