"""Whether a call is signed with the secret of its hook: one function for each scheme.

The raw bytes of the body are what was signed. Comparing takes the same time wherever two signatures differ.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from executions.hooks.errors import SignatureRefused
from executions.hooks.models import Scheme

DEFAULT_TOLERANCE_S = 300
# A header may name several signatures, as of old and new secrets.
_MOST_SIGNATURES = 10
_STANDARD_PREFIX = "whsec_"
ALGORITHMS = ("sha256", "sha1", "sha384", "sha512")
ENCODINGS = ("hex", "base64")
# So many digits has a time in seconds, at most.
_MOST_DIGITS = 12

Headers = Mapping[str, str]
_Verify = Callable[[Headers, bytes, str, Mapping[str, Any], float], None]


def verify(
    scheme: str, *, headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float
) -> None:
    """Refuse a call that is not signed, or was too long ago or ahead. Names of headers are in lower case.

    Raises:
        SignatureRefused
    """
    _SCHEMES[scheme](headers, body, secret, options, now_s)


def signature_header(options: Mapping[str, Any]) -> str:
    """Where the signature stands, of the scheme that leaves it open."""
    return str(options.get("header", "x-signature")).lower()


def standard_key(secret: str) -> bytes:
    """The key that a secret of Standard Webhooks stands for."""
    text = secret.removeprefix(_STANDARD_PREFIX)
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return secret.encode()


def _standard(headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float) -> None:
    told, at = _needed(headers, "webhook-id"), _needed(headers, "webhook-timestamp")
    _check_time(at, options, now_s)
    wanted = _digest(standard_key(secret), f"{told}.{at}.".encode() + body)
    given = [part.partition(",") for part in _needed(headers, "webhook-signature").split()[:_MOST_SIGNATURES]]
    _check_any([signature for version, _, signature in given if version == "v1"], base64.b64encode(wanted).decode())


def _github(headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float) -> None:
    wanted = _digest(secret.encode(), body).hex()
    _check_any([_needed(headers, "x-hub-signature-256")], f"sha256={wanted}")


def _slack(headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float) -> None:
    at = _needed(headers, "x-slack-request-timestamp")
    _check_time(at, options, now_s)
    wanted = _digest(secret.encode(), f"v0:{at}:".encode() + body).hex()
    _check_any([_needed(headers, "x-slack-signature")], f"v0={wanted}")


def _stripe(headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float) -> None:
    parts = [part.strip().partition("=") for part in _needed(headers, "stripe-signature").split(",")]
    parts = parts[: _MOST_SIGNATURES + 1]
    at = next((value for name, _, value in parts if name == "t"), "")
    _check_time(at, options, now_s)
    wanted = _digest(secret.encode(), f"{at}.".encode() + body).hex()
    _check_any([value for name, _, value in parts if name == "v1"], wanted)


def _hmac(headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float) -> None:
    given = _needed(headers, signature_header(options))
    digest = hmac.new(secret.encode(), body, options.get("algorithm", ALGORITHMS[0])).digest()
    is_hex = options.get("encoding", ENCODINGS[0]) == ENCODINGS[0]
    wanted = digest.hex() if is_hex else base64.b64encode(digest).decode()
    prefix = str(options.get("prefix", ""))
    if not given.startswith(prefix):
        raise SignatureRefused("The signature has another form than was agreed")
    text = given[len(prefix) :]
    _check_any([text.lower() if is_hex else text], wanted)


def _none(headers: Headers, body: bytes, secret: str, options: Mapping[str, Any], now_s: float) -> None:
    """Whoever knows the address may call."""


_SCHEMES: Mapping[str, _Verify] = {
    Scheme.STANDARD.value: _standard,
    Scheme.GITHUB.value: _github,
    Scheme.SLACK.value: _slack,
    Scheme.STRIPE.value: _stripe,
    Scheme.HMAC.value: _hmac,
    Scheme.NONE.value: _none,
}


def _needed(headers: Headers, name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise SignatureRefused(f"The header {name} is missing")
    return value


def _check_time(at: str, options: Mapping[str, Any], now_s: float) -> None:
    if not (at.isascii() and at.isdecimal() and len(at) <= _MOST_DIGITS):
        raise SignatureRefused("The time of the signature is missing")
    if abs(now_s - int(at)) > options.get("tolerance", DEFAULT_TOLERANCE_S):
        raise SignatureRefused("The time of the signature is too far from now")


def _digest(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def _check_any(given: list[str], wanted: str) -> None:
    # All are compared, so that the time does not tell which one was nearest.
    fits = [hmac.compare_digest(each.encode(), wanted.encode()) for each in given]
    if not any(fits):
        raise SignatureRefused("The signature is wrong")
