"""The access token of a connection, renewed when it is about to end: by one at a time, whatever number of processes."""

import logging
from datetime import timedelta

from django.db import transaction

from agents.connections import services
from agents.connections.exchange import Client, GrantLost
from agents.connections.models import Connection, ConnectionStatus
from agents.connections.sealed import Tokens
from agents.models import Developer
from julep_project.core.clock import now

log = logging.getLogger(__name__)

# So long before its end a token is renewed: a call may take a while to get there.
_BEFORE_END = timedelta(seconds=60)


def access_token(developer: Developer, connection: Connection) -> str | None:
    """A token that is good for now; None when somebody has to sign in.

    Raises:
        ProviderFaulty: it has to be renewed, and the service does not do it now.
        SecretsNotConfigured, ConnectionImpossible
    """
    tokens = Tokens.of(connection) if connection.status == ConnectionStatus.CONNECTED else None
    if tokens is None:
        return None
    if connection.token_until is None or connection.token_until - _BEFORE_END > now():
        return tokens.access
    return _renewed(developer, connection, tokens)


def renewed_token(developer: Developer, connection: Connection, rejected: str) -> str | None:
    """Another token than the one that a service did not take, if there is a way to one without a person.

    Raises: as `access_token`.
    """
    tokens = Tokens.of(connection)
    if tokens is None or tokens.access != rejected:
        return None if tokens is None else tokens.access
    return _renewed(developer, connection, tokens)


def _renewed(developer: Developer, connection: Connection, seen: Tokens) -> str | None:
    """Renew, or take what somebody else has just renewed: the row's lock decides who does. It is held while the service
    is asked, for ten seconds at most, so that a refresh token that is good once is sent once."""
    try:
        with transaction.atomic():
            locked = Connection.objects.select_for_update().select_related(None).get(pk=connection.pk)
            locked.provider = connection.provider
            tokens = Tokens.of(locked) if locked.status == ConnectionStatus.CONNECTED else None
            if tokens is None or tokens != seen:
                return None if tokens is None else tokens.access
            if not tokens.refresh:
                services.lost(locked, "its token is over, and the service gives no way to renew it")
                return None
            granted = Client.of(developer, connection.provider).refresh(tokens)
            services.refreshed(locked, granted)
            return granted.tokens.access
    except Connection.DoesNotExist:
        return None
    except GrantLost as error:
        services.lost(connection, error.message)
        return None
