"""What every answer of the API has beside what it says, wherever in the server it is made."""

import re
from collections.abc import Mapping

from julep_project.core.ids import uuid7
from julep_project.core.process.request_id import current_request_id

# Of requests that may be sent again.
IDEMPOTENCY_KEY = "Idempotency-Key"
# Told of an answer that was given before.
REPLAYED = "Idempotent-Replayed"

_NOT_API = ("/admin", "/static")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_PREFLIGHT_SECONDS = 3600
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"
_EXPOSED = (
    "x-request-id, x-should-retry, retry-after, idempotent-replayed, x-ratelimit-limit, x-ratelimit-remaining, "
    "x-ratelimit-reset, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests"
)


def is_for_api(path: str) -> bool:
    """The admin pages use cookies, so none of this is for them."""
    return not any(path == base or path.startswith(f"{base}/") for base in _NOT_API)


def request_id_of(sent: str | None) -> str:
    """The id that the client gave the request, or one that is made here; the same for all who ask within a request."""
    if known := current_request_id():
        return known
    return sent if sent and _REQUEST_ID.fullmatch(sent) else str(uuid7())


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
