"""What every answer of the API has beside what it says, wherever in the server it is made."""

import re
from collections.abc import Container, Mapping
from datetime import timedelta

from julep_project.core.clock import now, to_wire
from julep_project.core.ids import uuid7
from julep_project.core.process.request_id import current_request_id

# Of requests that may be sent again.
IDEMPOTENCY_KEY = "Idempotency-Key"
# Told of an answer that was given before.
REPLAYED = "Idempotent-Replayed"

# What clients of Anthropic's API say, bring their key in, and read beside the name that all others know.
ANTHROPIC_VERSION = "anthropic-version"
ANTHROPIC_KEY = "x-api-key"
_ANTHROPIC_REQUEST_ID = "request-id"
_ANTHROPICS = re.compile(r"(?:/api)?+(?:/v1)?+/messages(?:/.*+)?+", re.DOTALL)
_ANYBODYS = re.compile(r"(?:/api)?+(?:/v1)?+/models(?:/.*+)?+", re.DOTALL)

_NOT_API = ("/admin", "/static")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_PREFLIGHT_SECONDS = 3600
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"
_EXPOSED = (
    "x-request-id, request-id, x-should-retry, retry-after, idempotent-replayed, x-ratelimit-limit, "
    "x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
    "x-ratelimit-reset-requests, anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, "
    "anthropic-ratelimit-requests-reset"
)


def is_for_api(path: str) -> bool:
    """The admin pages use cookies, so none of this is for them."""
    return not any(path == base or path.startswith(f"{base}/") for base in _NOT_API)


def speaks_anthropic(path: str, headers: Container[str]) -> bool:
    """Whether the request is of Anthropic's API, and is to be answered in its form: it asks for what is there only, or
    for what others have under the same name, as a client that says so. `headers` find names in lower case."""
    return bool(_ANTHROPICS.fullmatch(path)) or (ANTHROPIC_VERSION in headers and bool(_ANYBODYS.fullmatch(path)))


def request_id_of(sent: str | None) -> str:
    """The id that the client gave the request, or one that is made here; the same for all who ask within a request."""
    if known := current_request_id():
        return known
    return sent if sent and _REQUEST_ID.fullmatch(sent) else str(uuid7())


def request_id_headers(request_id: str, path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """What names the request in its answer."""
    named = {"X-Request-Id": request_id}
    return {**named, _ANTHROPIC_REQUEST_ID: request_id} if speaks_anthropic(path, headers) else named


def rate_headers(told: Mapping[str, str], path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """What an answer tells of the limit of requests, by the names that clients of Anthropic's API know."""
    if "x-ratelimit-limit" not in told or not speaks_anthropic(path, headers):
        return {}
    reset = now() + timedelta(seconds=int(told["x-ratelimit-reset"]))
    by_kind = {
        "limit": told["x-ratelimit-limit"],
        "remaining": told["x-ratelimit-remaining"],
        "reset": to_wire(reset),
    }
    return {f"anthropic-ratelimit-requests-{name}": value for name, value in by_kind.items()}


def is_preflight(method: str | None, headers: Mapping[str, str]) -> bool:
    """A browser asks whether it may send a request."""
    return method == "OPTIONS" and "access-control-request-method" in headers


def cross_origin_headers(method: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    """What lets a page of any origin read the answer; none for a request that is from no page.

    `headers` are those of the request, found by names in lower case.
    """
    origin = headers.get("origin")
    if not origin:
        return {}
    allowed = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
        "Vary": "Origin",
    }
    if is_preflight(method, headers):
        allowed["Access-Control-Allow-Methods"] = _METHODS
        allowed["Access-Control-Allow-Headers"] = headers.get("access-control-request-headers", "*")
        allowed["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
    return allowed
