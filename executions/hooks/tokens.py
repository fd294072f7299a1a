"""Tokens of hooks: random, so that nobody can guess one. Others keep them for years, so they are not signed with a key
that may change; only a digest of each is stored."""

import hashlib
import secrets

_PREFIX = "hk_"
_RANDOM_BYTES = 32
_LENGTH = len(_PREFIX) + 43


def new_token() -> str:
    """A token that nobody can guess."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(token: str) -> bytes | None:
    """What is stored of a token; None for what is none."""
    if len(token) != _LENGTH or not token.startswith(_PREFIX):
        return None
    return hashlib.sha256(token.encode()).digest()
