"""Signatures as Standard Webhooks has them: https://www.standardwebhooks.com."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

_BEGIN = "whsec_"
_RANDOM_BYTES = 32


def new_secret() -> str:
    """A secret that nobody has."""
    return _BEGIN + base64.b64encode(secrets.token_bytes(_RANDOM_BYTES)).decode()


def signed_headers(message_id: str, moment: int, body: bytes, secrets_: Iterable[str]) -> dict[str, str]:
    """What goes with a message: one signature for each secret, so that a receiver may have either."""
    signed = f"{message_id}.{moment}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(_signature(signed, secret) for secret in secrets_),
    }


def _signature(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(_BEGIN))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
