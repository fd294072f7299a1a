"""Where a request came from, for who counts failed logins of staff users, too."""

from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

_LONGEST_NAME = 80


def address_of(request: HttpRequest) -> str | None:
    """The client's address. Each proxy appends to `X-Forwarded-For` who it serves: what the outermost of ours saw
    counts, and what stands before that is the client's own invention."""
    direct = _address(str(request.META.get("REMOTE_ADDR") or ""))
    count = settings.PROXY_COUNT
    if not count:
        return direct
    seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    return (_address(seen[-min(count, len(seen))]) if seen else None) or direct


def described(username: Any, ip_address: Any, *_: Any) -> str:
    """Who tries to log in, for a line of the log. The name is what somebody typed."""
    return f"{str(username)[:_LONGEST_NAME]!r} from {ip_address}"


def _address(text: str) -> str | None:
    """The address in it; some proxies add the client's port."""
    host = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
    for candidate in (host, host.rpartition(":")[0]):
        with suppress(ValueError):
            return str(ip_address(candidate))
    return None
