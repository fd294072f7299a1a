"""The access token of a connection, renewed when it is about to end: by one at a time, whatever number of processes.

Who renews holds the row for some seconds, by a moment that is written in it, and no connection to the database. What
became of a request without an answer nobody knows: its refresh token may be good no more. So it is not sent again
before that moment has come.
"""

import logging
import time
from contextlib import suppress
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from agents.connections import services
from agents.connections.errors import ProviderFaulty
from agents.connections.exchange import Client, GrantLost
from agents.connections.models import Connection, ConnectionStatus
from agents.connections.sealed import Tokens
from agents.models import Developer
from agents.tools.errors import ToolError
from julep_project.core.clock import now
from julep_project.core.database import give_connection_back

log = logging.getLogger(__name__)

# So long before its end a token is renewed: a call may take a while to get there.
_BEFORE_END = timedelta(seconds=60)
# What a service does not take so soon after it gave it, it would not take another time.
_NEW = timedelta(seconds=60)
# Longer than a request to a service takes.
_RENEWING = timedelta(seconds=20)
# So long others wait for what comes of it.
_PATIENCE_S = 10.0
_LOOKS_EVERY_S = 0.1


def access_token(developer: Developer, connection: Connection) -> str | None:
    """A token that is good for now; None when somebody has to sign in.

    Raises:
        ProviderFaulty: it has to be renewed, and the service does not do it now.
        SecretsNotConfigured, ConnectionImpossible
    """
    tokens = _tokens_of(connection)
    if tokens is None:
        return None
    # One that cannot be renewed is good to its end.
    ends = connection.token_until
    if ends is None or ends - (_BEFORE_END if tokens.refresh else timedelta()) > now():
        return tokens.access
    if not tokens.refresh:
        services.lost(connection, "its token is over, and the service gives no way to renew it")
        return None
    return _renewed(developer, connection, tokens)


def renewed_token(developer: Developer, connection: Connection, rejected: str) -> str | None:
    """Another token than the one that a service did not take, if there is a way to one without a person.

    Raises: as `access_token`.
    """
    tokens = _tokens_of(connection)
    if tokens is None or tokens.access != rejected:
        return None if tokens is None else tokens.access
    # Where it cannot be renewed it stays: one address that does not take it says nothing of the others.
    return _renewed(developer, connection, tokens) if tokens.refresh else None


def is_new(connection: Connection) -> bool:
    """Whether somebody has signed in only just now, for a token that cannot be renewed."""
    tokens, since = _tokens_of(connection), connection.connected_at
    return tokens is not None and not tokens.refresh and since is not None and since + _NEW > now()


def _renewed(developer: Developer, connection: Connection, seen: Tokens) -> str | None:
    """Renew, or take what somebody else has just renewed.

    Raises: as `access_token`.
    """
    gives_up_at = time.monotonic() + _PATIENCE_S
    while not _is_ours(connection):
        current = Connection.objects.select_related("provider").filter(pk=connection.pk).first()
        tokens = None if current is None else _tokens_of(current)
        if current is None or tokens is None or tokens != seen:
            return None if tokens is None else tokens.access
        if time.monotonic() > gives_up_at:
            raise ProviderFaulty("the token is being renewed, and the service has not answered yet", retryable=True)
        connection = current
        give_connection_back()
        time.sleep(_LOOKS_EVERY_S)
    client = Client.of(developer, connection.provider)
    try:
        granted = client.refresh(seen)
    except GrantLost as error:
        if services.lost(connection, error.message):
            return None
        # Another process has renewed it meanwhile, as one that stood still for long finds.
        return _kept(connection)
    except ProviderFaulty as error:
        if not error.retryable:
            # It has said what it has to say.
            Connection.objects.filter(pk=connection.pk, turn=connection.turn).update(renewing_until=None)
        raise
    if services.refreshed(connection, granted):
        return granted.tokens.access
    if not Connection.objects.filter(pk=connection.pk).exists():
        # Nobody would ever know these. Where somebody has signed in meanwhile that may be the same grant there.
        with suppress(ToolError):
            client.revoke(granted.tokens)
    return _kept(connection)


def _kept(connection: Connection) -> str | None:
    """The token that is kept now, by whomever."""
    current = Connection.objects.filter(pk=connection.pk).first()
    tokens = None if current is None else _tokens_of(current)
    return None if tokens is None else tokens.access


def _is_ours(connection: Connection) -> bool:
    """Whether we renew, of all who want to, for as long as the tokens are those that were looked at."""
    rows = Connection.objects.filter(
        Q(renewing_until=None) | Q(renewing_until__lte=Now()),
        pk=connection.pk,
        turn=connection.turn,
        status=ConnectionStatus.CONNECTED,
        sealed=connection.sealed,
    )
    return bool(rows.update(renewing_until=Now() + _RENEWING))


def _tokens_of(connection: Connection) -> Tokens | None:
    return Tokens.of(connection) if connection.status == ConnectionStatus.CONNECTED else None
