"""Tokens that another service signed: JSON Web Tokens in the compact form.

Nothing of a token is taken at its word: not its size, not how it says it was signed, not where it says a key is. What
is wrong with one is not told to who sent it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from jwt import InvalidKeyError, get_algorithm_by_name
from jwt.utils import base64url_decode, base64url_encode

from agents.access.verification_keys import KEYS, VerificationKey
from julep_project.core.clock import now
from julep_project.core.errors import NotAuthenticated
from julep_project.core.process.remembered import Memory
from julep_project.core.reading.outside_json import Bounds, read_json
from julep_project.core.reading.repeated_keys import refuse_repeated_keys

MOST_CHARACTERS = 8192
LEEWAY_S = 60
_FORM = re.compile(r"([A-Za-z0-9_-]{4,2048})\.([A-Za-z0-9_-]{4,8192})\.([A-Za-z0-9_-]{4,2048})")
_BOUNDS = Bounds(depth=16, containers=500, elements=2000)
# They name keys that the sender chose, or ask for what is not done here.
_REFUSED_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"})
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_LONGEST_KID = 256
# Later than any date there is.
_FARTHEST = 253_402_300_800


@dataclass(frozen=True, slots=True)
class Token:
    """What a token with a good signature says, and among which keys its own was. `subject` may be anything."""

    subject: Any
    email: str
    expires_at: float
    keys: object


# Not for longer: keys that were taken back are noticed when a token is verified.
_verified: Memory[bytes, Token] = Memory(most=4096, for_s=60)


def may_be_token(text: str) -> bool:
    """Whether this has the form of a token that would be looked into."""
    return len(text) <= MOST_CHARACTERS and _FORM.fullmatch(text) is not None


def recall_token(text: str) -> Token | None:
    """A token that was verified before under the keys of now.

    Raises:
        NotAuthenticated: it has expired since.
    """
    token = _verified.recall(_digest(text))
    if token is None or not KEYS.are_current(token.keys):
        return None
    if token.expires_at + LEEWAY_S <= now().timestamp():
        raise NotAuthenticated
    return token


def read_token(text: str) -> Token:
    """What the token says. May ask for keys over the network.

    Raises:
        NotAuthenticated: it is no token that was signed with one of the keys, or it is not valid now.
        ServiceUnavailable: the keys cannot be had.
    """
    known = recall_token(text)
    if known is not None:
        return known
    _verified.forget(_digest(text))
    return _verified.find(_digest(text), lambda _: _read(text))


def _read(text: str) -> Token:
    parts = _FORM.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
    if parts is None:
        raise NotAuthenticated
    header = _object(parts[1])
    algorithm, key_id = _how_signed(header)
    signature, signed = _bytes(parts[3]), text[: parts.end(2)].encode()
    keys, among = KEYS.of(algorithm, key_id)
    if not any(_is_signed(signed, signature, algorithm, key) for key in keys):
        raise NotAuthenticated
    return _told(_object(parts[2]), among)


def _how_signed(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """The algorithm, and the name of the key if one is given."""
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if (
        not isinstance(algorithm, str)
        or not isinstance(kind, str)
        or kind.lower() not in _TYPES
        or not header.keys().isdisjoint(_REFUSED_HEADERS)
        or ("kid" in header and not (isinstance(key_id, str) and len(key_id) <= _LONGEST_KID))
    ):
        raise NotAuthenticated
    return algorithm, key_id


def _is_signed(signed: bytes, signature: bytes, algorithm: str, key: VerificationKey) -> bool:
    """The key decides what algorithms it is for; see `KEYS.of`."""
    try:
        return bool(get_algorithm_by_name(algorithm).verify(signed, key, signature))
    except (InvalidKeyError, ValueError, TypeError):
        return False


def _told(claims: Mapping[str, Any], keys: object) -> Token:
    moment = now().timestamp()
    expires_at, issued_at = _moment(claims, "exp"), _moment(claims, "iat")
    not_before = _moment(claims, "nbf") if "nbf" in claims else issued_at
    if (
        "sub" not in claims
        or expires_at + LEEWAY_S <= moment
        or max(issued_at, not_before) > moment + LEEWAY_S
        or not _is_for_us(claims)
    ):
        raise NotAuthenticated
    email = claims.get("email")
    return Token(claims["sub"], email if isinstance(email, str) else "", expires_at, keys)


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotAuthenticated
    if not 0 <= value < _FARTHEST or not math.isfinite(value):
        raise NotAuthenticated
    return float(value)


def _is_for_us(claims: Mapping[str, Any]) -> bool:
    """An issuer that signs for others too is told apart by who issued the token, and for whom."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return (not settings.JWT_AUDIENCE or settings.JWT_AUDIENCE in audiences) and (
        not settings.JWT_ISSUER or claims.get("iss") == settings.JWT_ISSUER
    )


def _object(segment: str) -> Mapping[str, Any]:
    """The JSON object of a part. A key that stands twice means something else to each reader."""
    raw = _bytes(segment)
    try:
        value = read_json(raw, _BOUNDS)
        refuse_repeated_keys(raw.decode())
    except (ValueError, RecursionError):
        raise NotAuthenticated from None
    if not isinstance(value, dict):
        raise NotAuthenticated
    return value


def _bytes(segment: str) -> bytes:
    """Each value has one spelling, so a token cannot be had in two that count as different ones."""
    try:
        raw = base64url_decode(segment)
    except ValueError:
        raise NotAuthenticated from None
    if base64url_encode(raw) != segment.encode():
        raise NotAuthenticated
    return raw


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
