"""What sign-ins are known by: links, states, the browser they began in. All of it is random or derived with the key of
this server; rows have digests."""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

_RANDOM_BYTES, _SIGNATURE_BYTES, _TURN_BYTES, _ID_BYTES = 32, 20, 8, 16


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for: one turn of a connection."""

    connection_id: UUID
    turn: int

    @property
    def token(self) -> str:
        """What stands in the address: whoever has it may sign in for this connection."""
        inside = self.connection_id.bytes + self.turn.to_bytes(_TURN_BYTES)
        return _as_text(inside + _sign(b"connect link", inside)[:_SIGNATURE_BYTES])


def link_of(token: str) -> Link | None:
    """What the token of a link is for; None when it was not made here."""
    raw = _bytes_of(token, _ID_BYTES + _TURN_BYTES + _SIGNATURE_BYTES)
    if raw is None:
        return None
    inside, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(b"connect link", inside)[:_SIGNATURE_BYTES]):
        return None
    return Link(UUID(bytes=inside[:_ID_BYTES]), int.from_bytes(inside[_ID_BYTES:]))


def new_state() -> str:
    """A text that nobody can guess: a state, or what a browser is known by."""
    return _as_text(secrets.token_bytes(_RANDOM_BYTES))


def digest_of(text: str) -> bytes:
    """What is stored of such a text."""
    return hashlib.sha256(text.encode(errors="replace")).digest()


def verifier_of(state: str) -> str:
    """The code verifier of a sign-in (RFC 7636). Whoever sees its state does not learn it."""
    return _as_text(_sign(b"code verifier", state.encode()))


def challenge_of(state: str) -> str:
    """What the verifier is announced by, as S256."""
    return _as_text(hashlib.sha256(verifier_of(state).encode()).digest())


def _sign(purpose: bytes, text: bytes) -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), purpose + b"\x00" + text, hashlib.sha256).digest()


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes_of(token: str, length: int) -> bytes | None:
    if len(token) > 2 * length:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == length and _as_text(raw) == token else None
