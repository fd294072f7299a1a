"""Where browsers and authorization servers find this installation."""

from uuid import UUID

from django.conf import settings

from agents.connections.errors import ConnectionImpossible
from agents.connections.signed import Link


def link_url(link: Link) -> str:
    """The page where one signs in.

    Raises:
        ConnectionImpossible: nobody knows where this installation is found.
    """
    return f"{_base()}/connect/{link.token}"


def callback_url(provider_id: UUID) -> str:
    """Where a service sends people back to. Each has its own, so that no other can have its codes sent here as its own.

    Raises:
        ConnectionImpossible
    """
    return f"{_base()}/connections/callback/{provider_id}"


def document_url(provider_id: UUID) -> str:
    """The document that describes the client, which is its id as well.

    Raises:
        ConnectionImpossible
    """
    return f"{_base()}/connections/clients/{provider_id}"


def _base() -> str:
    if not settings.PUBLIC_URL:
        raise ConnectionImpossible("people cannot be sent back here: the operator has to set PUBLIC_URL")
    return str(settings.PUBLIC_URL)
