"""Secrets of endpoints: sealed as those of the vault are, opened for the signing of one message."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from agents.vault.errors import SecretNotReadable
from agents.vault.overlap import PREVIOUS, previous_in_force
from agents.vault.sealed_columns import SealedColumn, register
from agents.vault.sealing import Place, Sealed, open_sealed, seal
from agents.webhooks.models import Endpoint


def sealed_secret(text: str, developer_id: UUID, endpoint_id: UUID) -> dict[str, str]:
    """The columns of an endpoint with this secret.

    Raises:
        SecretsNotConfigured
    """
    sealed = seal(text, Place(developer_id, None, endpoint_id))
    return {"sealed": sealed.text, "sealed_with": sealed.fingerprint}


def secrets_in_force(endpoint: Endpoint, at: datetime) -> Iterator[str]:
    """What messages are signed with: the secret, and the one before while receivers may still have that.

    Raises:
        SecretsNotConfigured, SecretNotReadable
    """
    if not endpoint.sealed:
        raise SecretNotReadable("the secret of the webhook is lost: rotate it")
    place = _place_of(endpoint)
    yield open_sealed(Sealed(endpoint.sealed, endpoint.sealed_with), place)
    before = previous_in_force(endpoint, place, at)
    if before is not None:
        yield before


def _place_of(endpoint: Endpoint) -> Place:
    return Place(endpoint.developer_id, None, endpoint.pk)


register(SealedColumn(Endpoint, _place_of))
register(SealedColumn(Endpoint, _place_of, *PREVIOUS))
