"""Tokens that resume one open wait. Derived when read, so nothing secret is stored."""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from django.conf import settings

_DIGEST_BYTES = 16


def task_token(wait_id: UUID) -> str:
    """The token of an open wait: the id of its `wait` transition, signed."""
    return base64.urlsafe_b64encode(wait_id.bytes + _sign(wait_id)).decode().rstrip("=")


def wait_of_token(token: str) -> UUID | None:
    """The `wait` transition a token stands for; None when it was not made by `task_token`."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        wait_id = UUID(bytes=raw[:16])
    except (ValueError, binascii.Error):
        return None
    return wait_id if hmac.compare_digest(raw[16:], _sign(wait_id)) else None


def _sign(wait_id: UUID) -> bytes:
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, b"task token " + wait_id.bytes, hashlib.sha256).digest()[:_DIGEST_BYTES]
