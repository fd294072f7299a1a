"""With what the signatures of tokens are verified: shared keys, and public keys from a file or an address.

A key is for the algorithms of its kind and for no others, so a public key never counts as a shared one.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from julep_project.core.errors import ServiceUnavailable
from julep_project.core.reading.outside_json import Bounds, read_json

log = logging.getLogger(__name__)

# A shared key, or a public one of `cryptography`.
VerificationKey = Any

SHARED_ALGORITHMS = ("HS256", "HS384", "HS512")
PUBLIC_ALGORITHMS = ("RS256", "ES256", "EdDSA")
LEAST_SHARED_KEY_BYTES = 32
MOST_KEY_SET_BYTES = 256 * 1024
_MOST_KEYS = 100
_MOST_TRIED = 8
_BOUNDS = Bounds(depth=8, containers=2000, elements=20_000)
_LEAST_RSA_BITS, _MOST_RSA_BITS = 2048, 8192
_FETCH_S = 5.0
# How old keys from an address may be before they are asked for again, and how often that may be.
_FRESH_S = 600.0
_PAUSE_S = 60.0
_PAUSE_WITHOUT_KEYS_S = 2.0


class KeySetUnreadable(ValueError):
    """A set of keys cannot be had or read. The message is for operators."""


class PublicKeys:
    """Public keys by algorithm and name. For a token that names none, the first few are tried."""

    def __init__(self, text: bytes) -> None:
        """Read a JSON Web Key Set. What is not for signatures of ours is passed over.

        Raises:
            KeySetUnreadable: it is no key set, or no key in it can be used.
        """
        self._keys: dict[tuple[str, str | None], list[VerificationKey]] = {}
        for described in _described_keys(text):
            for algorithm in PUBLIC_ALGORITHMS:
                key = _public_key(described, algorithm)
                if key is not None:
                    self._add(algorithm, described.get("kid"), key)
        if not self._keys:
            raise KeySetUnreadable("no key in it is for RS256, ES256 or EdDSA")

    def of(self, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        return self._keys.get((algorithm, key_id), ())

    def _add(self, algorithm: str, key_id: object, key: VerificationKey) -> None:
        unnamed = self._keys.setdefault((algorithm, None), [])
        if len(unnamed) < _MOST_TRIED:
            unnamed.append(key)
        if isinstance(key_id, str):
            self._keys.setdefault((algorithm, key_id), []).append(key)


class VerificationKeys:
    """The keys of this process. Those from an address are asked for when first needed, every ten minutes, and when a
    token names one that is not among them, though not more than once a minute. Who is not the one to ask goes on with
    what there is; so does everybody while the address does not answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew, with the settings as they are now."""
        self._public: PublicKeys | None = None
        self._asked_at = self._read_at = float("-inf")

    def are_current(self, among: object) -> bool:
        """Whether these keys, as `of` gave them, are still those of this process."""
        return among is self._public or among is settings.JWT_SHARED_KEY

    def of(self, algorithm: str, key_id: str | None) -> tuple[Sequence[VerificationKey], object]:
        """The keys that a token may have been signed with, and all those they are among.

        Raises:
            ServiceUnavailable: there are to be public keys, and none could be had yet.
        """
        if algorithm in SHARED_ALGORITHMS:
            return [key.encode() for key in settings.JWT_SHARED_KEY], settings.JWT_SHARED_KEY
        if algorithm not in PUBLIC_ALGORITHMS or not (settings.JWT_JWKS_FILE or settings.JWT_JWKS_URL):
            return (), None
        known = self._public
        if self._is_to_ask(known is not None and bool(known.of(algorithm, key_id))):
            self._ask()
            known = self._public
        if known is None:
            raise ServiceUnavailable("The keys that tokens are verified with cannot be had; try again")
        return known.of(algorithm, key_id), known

    def _is_to_ask(self, is_found: bool) -> bool:
        moment = monotonic()
        if self._public is None:
            return moment - self._asked_at >= _PAUSE_WITHOUT_KEYS_S
        is_old = moment - self._read_at >= _FRESH_S
        return (is_old or not is_found) and moment - self._asked_at >= _PAUSE_S

    def _ask(self) -> None:
        # The first keys are waited for; new ones are somebody else's work once somebody is at it.
        if not self._lock.acquire(timeout=_FETCH_S if self._public is None else 0):
            return
        try:
            if self._is_to_ask(is_found=False):
                self._read()
        finally:
            self._lock.release()

    def _read(self) -> None:
        self._asked_at = monotonic()
        try:
            public = PublicKeys(load_key_set())
        except KeySetUnreadable as error:
            log.error("keys of tokens cannot be read", extra={"action": "key_set_unreadable", "reason": str(error)})
            return
        self._public, self._read_at = public, self._asked_at


KEYS = VerificationKeys()


def load_key_set() -> bytes:
    """The key set from where the settings say it is.

    Raises:
        KeySetUnreadable
    """
    try:
        text = _fetch(settings.JWT_JWKS_URL) if settings.JWT_JWKS_URL else _read_file(settings.JWT_JWKS_FILE)
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise KeySetUnreadable(f"{type(error).__name__}: {error}") from error
    if len(text) > MOST_KEY_SET_BYTES:
        raise KeySetUnreadable(f"it has more than {MOST_KEY_SET_BYTES} bytes")
    return text


def _read_file(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(MOST_KEY_SET_BYTES + 1)


def _fetch(url: str) -> bytes:
    """The address is the operator's: it may be on a private network. Nothing else is followed from there."""
    until = monotonic() + _FETCH_S
    text = bytearray()
    with httpx.Client(timeout=_FETCH_S, trust_env=False) as client, client.stream("GET", url) as answer:
        if answer.status_code != httpx.codes.OK:
            raise KeySetUnreadable(f"the answer has the status {answer.status_code}")
        for piece in answer.iter_bytes():
            text += piece
            if len(text) > MOST_KEY_SET_BYTES:
                break
            if monotonic() > until:
                raise KeySetUnreadable(f"the answer took longer than {_FETCH_S:.0f} s")
    return bytes(text)


def _described_keys(text: bytes) -> list[Mapping[str, Any]]:
    try:
        value = read_json(text, _BOUNDS)
    except (ValueError, RecursionError) as error:
        raise KeySetUnreadable(f"it is not JSON: {error}") from error
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list):
        raise KeySetUnreadable('it has no list of "keys"')
    return [key for key in keys[:_MOST_KEYS] if isinstance(key, dict)]


def _public_key(described: Mapping[str, Any], algorithm: str) -> VerificationKey | None:
    """The key, if it is a public one for this algorithm and strong enough."""
    kind = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}[algorithm]
    operations = described.get("key_ops")
    if (
        (described.get("kty"), None if kind[1] is None else described.get("crv")) != kind
        or described.get("alg", algorithm) != algorithm
        or described.get("use", "sig") != "sig"
        or (operations is not None and not (isinstance(operations, list) and "verify" in operations))
        or "d" in described
    ):
        return None
    try:
        key: Any = PyJWK(dict(described), algorithm).key
    except (PyJWTError, ValueError, TypeError):
        return None
    return key if _is_strong(key) else None


def _is_strong(key: VerificationKey) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS
    return not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name == "secp256r1"
