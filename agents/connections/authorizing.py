"""A sign-in, from the page behind a link to the return from the service.

Who begins one has a link; who ends it has to come in the same browser, with the state that was given to the service
there, once and soon. So a code of somebody else's cannot be brought into a connection, and none of it is worth anything
to who only sees the address.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import httpx
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils.crypto import constant_time_compare

from agents.connections import services
from agents.connections.addresses import callback_url
from agents.connections.errors import ConnectionRefused, ProviderFaulty, SignInOver
from agents.connections.exchange import Client
from agents.connections.models import Connection, ConnectionStatus
from agents.connections.signed import challenge_of, digest_of, link_of, new_state
from agents.models import Developer
from agents.tools.errors import ToolError
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.clock import DatabaseNow, TransactionNow
from julep_project.core.database import give_connection_back
from julep_project.core.tenancy import system_scope, tenant_scope

STATE_S = 600
LONGEST_TEXT = 4096
_DENIED = "access_denied"


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a browser goes to sign in, and what it is known by when it comes back."""

    url: str = field(repr=False)
    browser: str = field(repr=False)


@contextmanager
def opened(token: str) -> Iterator[Connection | None]:
    """The connection that a link is for, in the scope of its developer; None when one cannot sign in by it."""
    link = link_of(token)
    with system_scope():
        row = None if link is None else _found(Q(pk=link.connection_id, turn=link.turn), "link_until")
    if row is None:
        yield None
        return
    with tenant_scope(row.developer_id):
        yield row


def begin(connection: Connection) -> Begun:
    """Begin a sign-in; one that was begun before is over.

    Raises:
        SignInOver: it was settled meanwhile. ConnectionImpossible
    """
    provider, state, browser = connection.provider, new_state(), new_state()
    asked = {
        **provider.parameters,
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": callback_url(provider.pk),
        "state": state,
        "code_challenge": challenge_of(state),
        "code_challenge_method": "S256",
        **({"scope": " ".join(connection.wanted)} if connection.wanted else {}),
        **({"resource": provider.audience} if provider.audience else {}),
    }
    rows = Connection.objects.filter(pk=connection.pk, turn=connection.turn)
    if not rows.update(
        state_digest=digest_of(state),
        browser_digest=digest_of(browser),
        state_until=TransactionNow() + timedelta(seconds=STATE_S),
        updated_at=DatabaseNow(),
    ):
        raise SignInOver
    return Begun(_with_query(provider.authorize_url, asked), browser)


def finish(provider_id: UUID, returned: Mapping[str, str], browser: str, address: str) -> Connection:
    """Take what a service sends a browser back with. Gives the connection as it is then.

    Raises:
        SignInOver: it is of no sign-in that is under way in this browser, or the connection was settled meanwhile.
        ConnectionRefused: they did not agree, but had before.
        ProviderFaulty: somebody has signed in, but the service gives no token; they may try again.
        ConnectionImpossible, SecretsNotConfigured
    """
    state = returned.get("state", "")
    if not 0 < len(state) <= LONGEST_TEXT or not browser:
        raise SignInOver
    with system_scope():
        wanted = Q(state_digest=digest_of(state), provider=provider_id)
        row = _found(wanted, "state_until")
    if row is None or not constant_time_compare(bytes(row.browser_digest or b"").hex(), digest_of(browser).hex()):
        raise SignInOver
    actor = Actor(ActorKind.LINK, str(row.pk), "", address)
    with tenant_scope(row.developer_id), acting_as(actor):
        _use_up(row)
        _check_issuer(row, returned)
        if "error" in returned:
            _refuse(row, _word(returned["error"]))
        else:
            _redeem(row, returned.get("code", ""), state)
        ended: Connection | None = Connection.objects.select_related("provider").filter(pk=row.pk).first()
        if ended is None:
            raise SignInOver
        return ended


def _refuse(row: Connection, error: str) -> None:
    """Only who says no refuses; what else a service says may be otherwise the next time.

    Raises:
        ProviderFaulty. ConnectionRefused: somebody had signed in before, and still has.
    """
    if error != _DENIED:
        raise ProviderFaulty(f"the service signs nobody in: {error}")
    if row.status == ConnectionStatus.CONNECTED:
        raise ConnectionRefused("The sign-in was not agreed to; what was agreed to before stays.")
    services.refused(row, f"the sign-in was not agreed to: {error}")


def _redeem(row: Connection, code: str, state: str) -> None:
    if not 0 < len(code) <= LONGEST_TEXT:
        raise ProviderFaulty("the service sends nobody back with a code")
    developer: Developer = row.developer
    client = Client.of(developer, row.provider)
    give_connection_back()
    granted = client.redeem(code, state)
    if not services.connected(row, granted):
        # Nobody would ever know these.
        with suppress(ToolError):
            client.revoke(granted.tokens)
        raise SignInOver


def _found(wanted: Q, until: str) -> Connection | None:
    """The row, if that moment has not come yet and its developer is active."""
    is_late = ExpressionWrapper(Q(**{f"{until}__lte": TransactionNow()}), output_field=BooleanField())
    rows = Connection.objects.select_related("provider", "developer", "user").annotate(is_late=is_late)
    row: Connection | None = rows.filter(wanted).first()
    is_open = row is not None and getattr(row, until) is not None and not row.is_late  # type: ignore[attr-defined]
    return row if row is not None and is_open and row.developer.active else None


def _use_up(row: Connection) -> None:
    """A state is good once.

    Raises:
        SignInOver: somebody was faster.
    """
    rows = Connection.objects.filter(pk=row.pk, state_digest=row.state_digest, turn=row.turn)
    if not rows.update(state_digest=None, browser_digest=None, state_until=None, updated_at=DatabaseNow()):
        raise SignInOver


def _check_issuer(row: Connection, returned: Mapping[str, str]) -> None:
    """Whether the answer is of whom it was asked of (RFC 9207): a code of one service is not sent to another.

    Raises:
        ProviderFaulty
    """
    issuer, provider = returned.get("iss"), row.provider
    if issuer is None and not provider.says_issuer:
        return
    if issuer is None or (provider.issuer and issuer != provider.issuer):
        raise ProviderFaulty("the answer to the sign-in is of another service than it was asked of")


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    """The address with what is asked, behind what it has already. What is asked wins."""
    read = httpx.URL(url)
    kept = [(name, value) for name, value in read.params.multi_items() if name not in asked]
    return str(read.copy_with(query=urlencode([*kept, *asked.items()]).encode()))


def _word(text: str) -> str:
    """A code of an error, which is a word."""
    return text if text.isascii() and text.replace("_", "").isalnum() and len(text) <= 60 else "an error"
