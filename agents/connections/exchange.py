"""The token endpoint of a service: codes and refresh tokens become tokens there; and what is revoked."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from agents.connections.addresses import callback_url
from agents.connections.discovery import scopes_in
from agents.connections.errors import ConnectionImpossible, ProviderFaulty
from agents.connections.models import Provider
from agents.connections.outgoing import Heard, tell
from agents.connections.sealed import Tokens, registered_client_secret
from agents.connections.signed import verifier_of
from agents.models import Developer
from agents.vault.values import values_of
from julep_project.core.database import give_connection_back

_LONGEST_TOKEN = 16 * 1024
_LONGEST_LIFE_S = 10 * 365 * 86_400
# Its refresh token is not taken any more (RFC 6749, section 5.2); other answers say nothing of that.
_LOST = frozenset({"invalid_grant"})


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token endpoint gave. `lives_s`: for how long, if it says so."""

    tokens: Tokens = field(repr=False)
    lives_s: int | None
    scopes: tuple[str, ...]


class GrantLost(ProviderFaulty):
    """The service takes this refresh token or code no more."""


@dataclass(frozen=True, slots=True)
class Client:
    """This installation as a client of a service, with what its token endpoint needs to know it."""

    provider: Provider
    secret: str = field(repr=False)

    @classmethod
    def of(cls, developer: Developer, provider: Provider) -> "Client":
        """The client, with its secret.

        Raises:
            ConnectionImpossible: there is no such secret. SecretsNotConfigured, SecretNotReadable
        """
        name = provider.client_secret
        if not name:
            return cls(provider, registered_client_secret(provider))
        found = values_of(developer, [name])
        if name not in found:
            raise ConnectionImpossible(f"there is no secret {name!r}, which {provider.name!r} needs")
        return cls(provider, found[name])

    def redeem(self, code: str, state: str) -> Granted:
        """What a code gives.

        Raises:
            ProviderFaulty
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback_url(self.provider.pk),
            "code_verifier": verifier_of(state),
        }
        return _granted(self._sent(self.provider.token_url, form), before=None)

    def refresh(self, before: Tokens) -> Granted:
        """What a refresh token gives. Where there is no other one with it, it stays good.

        Raises:
            GrantLost: it is good no more. ProviderFaulty
        """
        form = {"grant_type": "refresh_token", "refresh_token": before.refresh}
        return _granted(self._sent(self.provider.token_url, form), before=before)

    def revoke(self, tokens: Tokens) -> None:
        """Have the service forget the tokens, if it says how (RFC 7009).

        Raises:
            ProviderFaulty
        """
        if not self.provider.revoke_url:
            return
        for text, hint in ((tokens.refresh, "refresh_token"), (tokens.access, "access_token")):
            if text:
                self._sent(self.provider.revoke_url, {"token": text, "token_type_hint": hint})

    def _sent(self, url: str, form: Mapping[str, str]) -> Heard:
        provider, headers, whole = self.provider, {}, dict(form)
        if provider.audience and url == provider.token_url:
            whole["resource"] = provider.audience
        if provider.client_auth == "client_secret_basic" and self.secret:
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(self.secret)}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            whole["client_id"] = provider.client_id
            if self.secret:
                whole["client_secret"] = self.secret
        give_connection_back()
        return tell(url, form=whole, **headers)


def _granted(heard: Heard, *, before: Tokens | None) -> Granted:
    """Read what was given.

    Raises:
        GrantLost, ProviderFaulty
    """
    if not heard.is_good or "error" in heard.said:
        told = f"the service gives no token: {heard.complaint}"
        if heard.said.get("error") in _LOST:
            raise GrantLost(told)
        raise ProviderFaulty(told, retryable=heard.is_for_now)
    said = heard.said
    access, refresh, kind = said.get("access_token"), said.get("refresh_token"), said.get("token_type")
    if not _is_token(access) or (kind is not None and str(kind).lower() != "bearer"):
        raise ProviderFaulty("the service gives a token of another kind than `Bearer`")
    kept = refresh if _is_token(refresh) else "" if before is None else before.refresh
    return Granted(Tokens(str(access), str(kept)), _seconds(said.get("expires_in")), scopes_in(said.get("scope")))


def _is_token(value: object) -> bool:
    """Whether it can stand in a header."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TOKEN and value.isascii() and value.isprintable()


def _seconds(value: object) -> int | None:
    """For how long, if it says so: a token that is over when it is given is tried all the same, which tells."""
    try:
        seconds = int(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
    except (ValueError, OverflowError):
        return None
    return min(seconds, _LONGEST_LIFE_S) if seconds > 0 else None
