"""Tokens of Google's service accounts: a signed claim is exchanged for one, which is good for an hour."""

import json
import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from agents.tools.errors import ToolError
from agents.tools.integrations.files import decoded
from agents.tools.integrations.method import IntegrationCall
from agents.tools.integrations.web import address_of, fetch_object
from julep_project.core.reading.outside_json import read_foreign_json

_PUBLIC = "https://oauth2.googleapis.com"
_LIFETIME_S = 3600
_RENEWED_BEFORE_S = 300
_MOST_KEPT = 1000
# A key of 4,096 bits has 3,300 characters; checking one of four times the bits takes seconds.
_LONGEST_KEY = 4096
_LONGEST_FILE = 16 * 1024

_kept: dict[str, tuple[float, str]] = {}
_lock = threading.Lock()


def access_token(call: IntegrationCall, account: str | Mapping[str, Any], scope: str) -> str:
    """A token that allows the scope. `account` is the JSON file of a service account, as such or in base64.

    Raises:
        ToolError: it is no such file, or Google refuses it.
    """
    file = _read(account)
    name = sha256(json.dumps([file["client_email"], file["private_key"], scope]).encode()).hexdigest()
    renew_at, token = _kept.get(name, (0.0, ""))
    if time.monotonic() < renew_at:
        return token
    token, lifetime_s = _request(call, file, scope)
    with _lock:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[name] = (time.monotonic() + lifetime_s - _RENEWED_BEFORE_S, token)
    return token


def _read(account: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(account, str):
        if len(account) > _LONGEST_FILE:
            raise _unusable()
        text = account.strip()
        try:
            file = read_foreign_json(text.encode() if text.startswith("{") else decoded(text))
        except (ToolError, ValueError) as error:
            raise _unusable() from error
    else:
        file = account
    if not isinstance(file, Mapping):
        raise _unusable()
    parts = [file.get("client_email"), file.get("private_key")]
    if not all(isinstance(part, str) and 0 < len(part) <= _LONGEST_KEY for part in parts):
        raise _unusable()
    return file


def _request(call: IntegrationCall, file: Mapping[str, Any], scope: str) -> tuple[str, float]:
    begins = int(time.time())
    claims = {
        "iss": file["client_email"],
        "scope": scope,
        "aud": f"{_PUBLIC}/token",
        "iat": begins,
        "exp": begins + _LIFETIME_S,
    }
    try:
        signed = jwt.encode(claims, file["private_key"], algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError, UnsupportedAlgorithm) as error:
        raise _unusable() from error
    answer = fetch_object(
        call,
        "POST",
        f"{address_of(call.provider, _PUBLIC)}/token",
        data={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed},
    )
    token, lifetime = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token:
        raise ToolError("Google did not answer with a token", repeatable=True)
    return token, float(lifetime) if isinstance(lifetime, int) and 0 < lifetime <= _LIFETIME_S else 0.0


def _unusable() -> ToolError:
    return ToolError("the service account in the setup is not the JSON file of one, as such or in base64")
