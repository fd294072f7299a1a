"""What calls need of connections: a token, or the news that somebody has to sign in, with a link."""

from contextlib import suppress
from dataclasses import replace
from itertools import chain

from django.conf import settings

from agents.connections import services
from agents.connections.discovery import MOST_SCOPES, is_within, read_challenge, scopes_in
from agents.connections.errors import ConnectionImpossible, ProviderFaulty, ScopesRefused
from agents.connections.models import Connection, ConnectionStatus, Provider, ProviderKind
from agents.connections.outgoing import shown
from agents.connections.providers import (
    find_provider,
    provider_now,
    provider_of_server,
    provider_to_sign_in_at,
)
from agents.connections.tokens import access_token, is_new, renewed_token
from agents.models import Developer
from agents.tools.actions import Action, ActionNeeded
from agents.tools.signing_in import CONNECTION, USER, SignIn, register_sign_ins
from julep_project.core.errors import NotFound

_MOST_TRIED = 3


def key_of(connection: Connection) -> str:
    """What calls that wait for it are known by."""
    return f"{CONNECTION}:{connection.pk}"


class Connections:
    """Who is signed in where."""

    def token(self, wanted: SignIn) -> str:
        """A token that is good now.

        Raises:
            ActionNeeded: somebody has to sign in first.
            ConnectionImpossible, ProviderFaulty, SecretsNotConfigured
        """
        provider = _provider_of(wanted)
        connection = services.find_connection(wanted.developer, provider, wanted.user_id)
        try:
            token = None if connection is None else access_token(wanted.developer, connection)
        except ProviderFaulty:
            # Who gave it out may be there no more.
            other = _provider_now(wanted, provider)
            if other.pk == provider.pk:
                raise
            return _token_or_ask(wanted, other, None)
        return token or _token_or_ask(wanted, provider, connection)

    def other_token(self, wanted: SignIn, rejected: str) -> str | None:
        """Another one than the service did not take. None if that is so new that another would not be taken either.

        Raises: as `token`.
        """
        # Another authorization server may protect it by now.
        provider = _provider_now(wanted, _provider_of(wanted))
        connection = services.find_connection(wanted.developer, provider, wanted.user_id)
        token = None if connection is None else renewed_token(wanted.developer, connection, rejected)
        if token is None and connection is not None and is_new(connection):
            return None
        return token or _token_or_ask(wanted, provider, connection)

    def ask_for_more(self, wanted: SignIn, challenge: str, *, is_again: bool) -> None:
        """Return if the service does not say in its challenge which scopes are missing (RFC 6750, section 3.1).

        Raises:
            ActionNeeded: somebody has to allow them. ConnectionImpossible
            ScopesRefused: somebody was asked for this call before, has allowed them, or they are too many together.
        """
        told = read_challenge(challenge)
        missing = scopes_in(told.get("scope", ""))
        if told.get("error") != "insufficient_scope" or not missing:
            return
        provider = _provider_of(wanted)
        connection = services.find_connection(wanted.developer, provider, wanted.user_id)
        given = () if connection is None else connection.scopes
        together = tuple(dict.fromkeys((*given, *missing)))
        if is_again or len(together) == len(given) or len(together) > MOST_SCOPES:
            why = "the service refuses the call (403) for scopes that it was given or asked for already, or too many"
            raise ScopesRefused(f"{why}: {shown(' '.join(missing))}")
        more = replace(wanted, scopes=together)
        raise _needed(more, provider, *_link(more, provider), seen=0 if connection is None else connection.turn)


def token_for_listing(developer: Developer, provider_name: str, resource: str) -> str:
    """A token by which an MCP server may be asked for its tools, which are the same for all: that of the developer, or
    else that of whoever has signed in last.

    Raises:
        ConnectionImpossible: nobody has. ProviderFaulty
    """
    named = find_provider(developer, provider_name) if provider_name else None
    provider = named or provider_of_server(developer, resource)
    _check_audience(provider, resource)
    rows = services.list_connections(developer).filter(provider=provider, status=ConnectionStatus.CONNECTED)
    for connection in chain(rows.filter(user=None), rows.exclude(user=None).order_by("-connected_at")[:_MOST_TRIED]):
        with suppress(ProviderFaulty):
            if token := access_token(developer, connection):
                return token
    raise ConnectionImpossible("nobody has signed in there yet; it is asked for its tools when somebody has")


def _provider_of(wanted: SignIn) -> Provider:
    if wanted.of == USER and wanted.user_id is None:
        raise ConnectionImpossible(
            "the call is made in the name of a user, and it is not known of which: have the id of one in the metadata "
            "of the run, as `user_id`, or one user in the session"
        )
    if not wanted.provider:
        return provider_of_server(wanted.developer, wanted.resource)
    provider = find_provider(wanted.developer, wanted.provider)
    if provider is None:
        raise ConnectionImpossible(f"there is no provider {wanted.provider!r} to sign in at")
    _check_audience(provider, wanted.resource)
    return provider


def _provider_now(wanted: SignIn, provider: Provider) -> Provider:
    found = provider_now(wanted.developer, provider)
    _check_audience(found, wanted.resource)
    return found


def _check_audience(provider: Provider, resource: str) -> None:
    """Tokens for an MCP server go there alone.

    Raises:
        ConnectionImpossible
    """
    if provider.kind == ProviderKind.MCP and not is_within(resource, provider.audience or provider.resource):
        raise ConnectionImpossible(f"tokens of {provider.name!r} are for another server than the tool calls")


def _token_or_ask(wanted: SignIn, provider: Provider, looked: Connection | None) -> str:
    """A token after all, where somebody has signed in since it was looked; else say that somebody has to.

    Raises:
        ActionNeeded, ConnectionImpossible
    """
    asked_at = provider_to_sign_in_at(wanted.developer, provider)
    if asked_at.pk != provider.pk:
        _check_audience(asked_at, wanted.resource)
        looked, provider = None, asked_at
    seen = 0 if looked is None else looked.turn
    connection, url = _link(wanted, provider)
    if connection.status == ConnectionStatus.CONNECTED and connection.turn > seen:
        token = access_token(wanted.developer, connection)
        if token is not None:
            return token
    else:
        seen = connection.turn
    raise _needed(wanted, provider, connection, url, seen=seen)


def _link(wanted: SignIn, provider: Provider) -> tuple[Connection, str]:
    try:
        return services.make_link(wanted.developer, provider, wanted.user_id, scopes=wanted.scopes)
    except NotFound:
        raise ConnectionImpossible("the user in whose name the call is made is not there") from None


def _needed(wanted: SignIn, provider: Provider, connection: Connection, url: str, *, seen: int) -> ActionNeeded:
    """Who has to sign in where. `seen` is the turn that was looked at: a call that overlooked another goes on."""
    told = {
        "connection_id": str(connection.pk),
        "provider": provider.name,
        "user_id": None if wanted.user_id is None else str(wanted.user_id),
        "url": url,
    }
    action = Action(CONNECTION, told, expires_s=settings.CONNECTION_LINK_S, key=key_of(connection), seen=seen)
    return ActionNeeded(f"somebody has to sign in at {provider.name} first: {url}", action)


register_sign_ins(Connections())
