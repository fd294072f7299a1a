"""Tokens of links: random, and signed, so that one that was never given out is refused without a look at any row."""

import base64
import binascii
import hashlib
import hmac
import secrets

from django.conf import settings

_RANDOM_BYTES, _SIGNATURE_BYTES = 24, 16
_LENGTH = len(base64.urlsafe_b64encode(bytes(_RANDOM_BYTES + _SIGNATURE_BYTES)).rstrip(b"="))


def new_token() -> str:
    """A token that nobody can guess."""
    random = secrets.token_bytes(_RANDOM_BYTES)
    return _as_text(random + _sign(random))


def digest_of(token: str) -> bytes | None:
    """What is stored of a token; None when it was not made here."""
    raw = _bytes_of(token)
    if raw is None or not hmac.compare_digest(raw[_RANDOM_BYTES:], _sign(raw[:_RANDOM_BYTES])):
        return None
    return hashlib.sha256(raw).digest()


def _bytes_of(token: str) -> bytes | None:
    if len(token) != _LENGTH:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    # Of several texts that mean the same bytes, one was given out.
    return raw if _as_text(raw) == token else None


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _sign(random: bytes) -> bytes:
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, b"wait link " + random, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
