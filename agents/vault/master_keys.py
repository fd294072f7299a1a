"""The master keys of `SECRETS_MASTER_KEY`: the newest first, with commas between.

A key is a Fernet key, or a text of 32 characters, of which the key is derived with HKDF (SHA-256, no salt,
`julep secrets` as its information).
"""

import base64
import binascii
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agents.vault.models import LONGEST_FINGERPRINT

_KEY_BYTES = 32
_FERNET_CHARACTERS = 44
_PASSPHRASE_CHARACTERS = 32
_FINGERPRINTED = b"julep master key fingerprint\0"


class UnusableMasterKey(ValueError):
    """The setting holds something else than keys. The message says which of them, and nothing that is in it."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One key. The fingerprint tells it from others, and nothing of it can be found out from that."""

    fernet: Fernet = field(repr=False)
    fingerprint: str


@lru_cache(maxsize=4)
def read_master_keys(text: str) -> tuple[MasterKey, ...]:
    """The keys of the setting; none when it is empty.

    Raises:
        UnusableMasterKey
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    keys = [_read_key(part, f"key {number} of {len(parts)}") for number, part in enumerate(parts, 1)]
    return tuple({key.fingerprint: key for key in keys}.values())


def _read_key(text: str, which: str) -> MasterKey:
    raw = _fernet_bytes(text) or _derived_bytes(text)
    if raw is None:
        raise UnusableMasterKey(f"{which} is neither a Fernet key (44 characters) nor a text of 32 characters")
    fingerprint = sha256(_FINGERPRINTED + raw).hexdigest()[:LONGEST_FINGERPRINT]
    return MasterKey(Fernet(base64.urlsafe_b64encode(raw)), fingerprint)


def _fernet_bytes(text: str) -> bytes | None:
    if len(text) != _FERNET_CHARACTERS or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return raw if len(raw) == _KEY_BYTES else None


def _derived_bytes(text: str) -> bytes | None:
    if len(text) != _PASSPHRASE_CHARACTERS:
        return None
    derivation = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"julep secrets")
    return derivation.derive(text.encode("utf-8", "surrogateescape"))
