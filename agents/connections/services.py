"""Reads and writes of connections, limited to one developer."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.connections.addresses import link_url
from agents.connections.errors import ConnectionImpossible, ProviderFaulty
from agents.connections.exchange import Client, Granted
from agents.connections.models import Connection, ConnectionStatus, Provider
from agents.connections.sealed import NO_TOKENS, Tokens
from agents.connections.signed import Link
from agents.models import Developer, User
from julep_project.core.clock import DatabaseNow, TransactionNow
from julep_project.core.errors import DomainError
from julep_project.core.tenancy import get_or_not_found

log = logging.getLogger(__name__)

# Who hears that a connection was settled: after the commit, in the tenant's scope. It may be told twice.
Listener = Callable[[Connection], None]
_listeners: list[Listener] = []


def when_settled(listener: Listener) -> Listener:
    """Have this called whenever somebody has signed in, or has refused to."""
    _listeners.append(listener)
    return listener


def list_connections(developer: Developer) -> "QuerySet[Connection]":
    rows: QuerySet[Connection] = Connection.objects.for_developer(developer).select_related("provider")
    return rows


def get_connection(developer: Developer, connection_id: UUID) -> Connection:
    """One connection.

    Raises:
        NotFound
    """
    return get_or_not_found(list_connections(developer), connection_id, "Connection")


def find_connection(developer: Developer, provider: Provider, user_id: UUID | None) -> Connection | None:
    """That of a user, or with None that of the developer."""
    return list_connections(developer).filter(provider=provider, user=user_id).first()


@transaction.atomic
def make_link(
    developer: Developer, provider: Provider, user_id: UUID | None, *, scopes: Sequence[str] = ()
) -> tuple[Connection, str]:
    """The connection, made if there is none, and the address of the page where one signs in. All links that were made
    since it was last settled stay good as long as the newest.

    Raises:
        NotFound: there is no such user. ConnectionImpossible
    """
    if user_id is not None:
        get_or_not_found(User.objects.for_developer(developer), user_id, "User")
    whose: dict[str, Any] = {"developer": developer, "provider": provider, "user_id": user_id}
    row, is_new = Connection.objects.get_or_create(**whose)
    wanted = list(dict.fromkeys(scopes or provider.scopes))
    until = TransactionNow() + timedelta(seconds=settings.CONNECTION_LINK_S)
    Connection.objects.filter(pk=row.pk).update(wanted=wanted, link_until=until, updated_at=DatabaseNow())
    found = get_connection(developer, row.pk)
    if is_new:
        _record(Verb.CREATE, found, after={"provider": provider.name, "status": found.status})
    return found, link_url(Link(found.pk, found.turn))


def connected(connection: Connection, granted: Granted) -> bool:
    """Keep what a sign-in gave. Whoever waits for it hears of it after the commit. Whether it is kept: it is not where
    the connection was settled meanwhile, or is gone.

    Raises:
        SecretsNotConfigured
    """
    # A service that does not say what it allows allows what it was asked for.
    allowed = {"scopes": list(granted.scopes or connection.wanted or ())}
    values = _columns(connection, granted) | {"connected_at": DatabaseNow(), **allowed}
    return _settle(connection, ConnectionStatus.CONNECTED, "", **values)


def refused(connection: Connection, why: str) -> None:
    """Somebody did not agree. Whoever waits for it hears of it after the commit."""
    _settle(connection, ConnectionStatus.REFUSED, why, **NO_TOKENS)


def lost(connection: Connection, why: str) -> bool:
    """Its tokens are good for nothing any more: somebody has to sign in again. False where it has others by now, which
    stay."""
    rows = Connection.objects.filter(
        pk=connection.pk, turn=connection.turn, status=ConnectionStatus.CONNECTED, sealed=connection.sealed
    )
    told = {"status": ConnectionStatus.EXPIRED, "turn": F("turn") + 1, "problem": why, "updated_at": DatabaseNow()}
    with transaction.atomic():
        is_lost = bool(rows.update(**told, **NO_TOKENS))
        if is_lost:
            _record(Verb.UPDATE, connection, after={"status": ConnectionStatus.EXPIRED.value})
    return is_lost


def refreshed(connection: Connection, granted: Granted) -> bool:
    """Keep what a refresh gave. Whether it is kept: it is not where the connection was settled meanwhile, or is gone.

    Raises:
        SecretsNotConfigured
    """
    rows = Connection.objects.filter(pk=connection.pk, turn=connection.turn)
    over = {"refreshed_at": DatabaseNow(), "renewing_until": None, "updated_at": DatabaseNow()}
    return bool(rows.update(**over, **_columns(connection, granted)))


def revoke_connection(developer: Developer, connection_id: UUID) -> None:
    """Remove a connection, and have the service forget its tokens as far as it can be reached.

    Raises:
        NotFound
    """
    with transaction.atomic():
        # Locked, so that the tokens are those that a renewal has written. One that is under way finds no row any more.
        rows = list_connections(developer).select_for_update(of=("self",))
        connection = get_or_not_found(rows, connection_id, "Connection")
        Connection.objects.filter(pk=connection.pk).delete()
        _record(Verb.REVOKE, connection, before={"provider": connection.provider.name, "status": connection.status})
    tell_service(developer, connection)


def tell_service(developer: Developer, connection: Connection) -> None:
    """Have the service forget the tokens of a connection that is gone here. Where that fails it is logged: they are
    known to nobody any more."""
    try:
        tokens = Tokens.of(connection)
        if tokens is not None:
            Client.of(developer, connection.provider).revoke(tokens)
    except (ProviderFaulty, ConnectionImpossible, DomainError) as error:
        fields = {"action": "connection_not_revoked", "connection_id": connection.pk, "error": type(error).__name__}
        log.warning("service was not told of a connection that is over", extra=fields)


def _columns(connection: Connection, granted: Granted) -> dict[str, Any]:
    until = None if granted.lives_s is None else Now() + timedelta(seconds=granted.lives_s)
    scopes = {"scopes": list(granted.scopes)} if granted.scopes else {}
    return {**granted.tokens.columns(connection.developer_id, connection.pk), "token_until": until, **scopes}


def _settle(connection: Connection, status: ConnectionStatus, problem: str, **values: Any) -> bool:
    rows = Connection.objects.filter(pk=connection.pk, turn=connection.turn)
    over = {
        "state_digest": None,
        "browser_digest": None,
        "state_until": None,
        "link_until": None,
        "renewing_until": None,
    }
    told = {"status": status, "turn": F("turn") + 1, "problem": problem, "updated_at": DatabaseNow(), **over}
    with transaction.atomic():
        if not rows.update(**told, **values):
            return False
        _record(Verb.UPDATE, connection, after={"status": status.value})
        settled = Connection.objects.select_related("provider").get(pk=connection.pk)
        # Runs before servers, which take their time; and what goes wrong with one is no news for the others.
        for listener in reversed(_listeners):
            transaction.on_commit(partial(listener, settled), robust=True)
    return True


def _record(verb: Verb, connection: Connection, **told: Any) -> None:
    record(connection.developer_id, Act(verb, ObjectKind.CONNECTION, connection.pk, **told))
