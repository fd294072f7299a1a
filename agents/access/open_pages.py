"""Pages for people without an account, who come by an address that is a secret.

Nothing of it is logged, no other site is told of it, nothing else is loaded. What is shown are texts of strangers.
"""

import secrets
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from rest_framework.exceptions import MethodNotAllowed

from agents.access.developers import SINGLE_TENANT_ID
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.api.peer import address_of
from julep_project.core.api.request_id import current_request_id
from julep_project.core.rates.limits import Limits
from julep_project.core.rates.windows import take


def served(
    request: HttpRequest, methods: tuple[str, ...], answer: Callable[[], HttpResponse], *, template: str
) -> HttpResponse:
    """The answer, or with what went wrong the `message` of the template."""
    try:
        if request.method not in methods:
            raise MethodNotAllowed(request.method or "")
        _check_rate(address_of(request) or "")
        return answer()
    except Exception as error:
        failed = answer_for(error, operation="get", resource="Page", request_id=current_request_id())
        found = page(template, failed.status, message=failed.body["error"]["message"])
        if "retry-after" in failed.headers:
            found.headers["Retry-After"] = failed.headers["retry-after"]
        return found


def page(template: str, status: int, **told: Any) -> HttpResponse:
    """A page made of the template."""
    nonce = secrets.token_urlsafe(16)
    html = render_to_string(template, {**told, "nonce": nonce})
    made: Any = HttpResponse(html, status=status, headers=headers(nonce))
    # Django would write the path of what failed into the log.
    made._has_been_logged = True
    return cast(HttpResponse, made)


def headers(nonce: str = "") -> dict[str, str]:
    """What the answer to such a request always has."""
    style = f"style-src 'nonce-{nonce}'; " if nonce else ""
    policy = f"default-src 'none'; {style}form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _check_rate(address: str) -> None:
    """Refuse whoever asks for too many pages in a minute.

    Raises:
        TooManyRequests
    """
    most = settings.LINK_REQUESTS_PER_MINUTE
    if most:
        take(SINGLE_TENANT_ID, f"links:{address}", Limits(0, most, 0, 0), is_stream=False)
