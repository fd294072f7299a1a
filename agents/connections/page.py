"""`/connect/<token>` and `/connections/callback/<provider>`: where people without an account sign in to a service.

Looking at a page begins nothing, for programs look at links too.
"""

import re
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from agents.access.open_pages import headers, page, served
from agents.connections.authorizing import STATE_S, begin, finish, opened
from agents.connections.errors import ConnectionRefused, SignInOver
from agents.connections.models import Connection, ConnectionStatus
from agents.tools.errors import ToolError
from julep_project.core.api.peer import address_of
from julep_project.core.http.request import place_of_url, read_url
from julep_project.core.reading.visible_text import visible

_COOKIE = "julep_sign_in"
_MOST_PARAMETERS = 20
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,300}+")
_TOLD = "connections/told.html"
_OVER = "This link leads nowhere any more: somebody has signed in, did not agree, or it is too old."


def connect_page(request: HttpRequest, token: str) -> HttpResponse:
    """What one signs in to, with a button that leads there."""
    return _served(request, ("GET", "HEAD", "POST"), lambda: _connect(request, token))


def callback_page(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Where the service sends people back to."""
    return _served(request, ("GET",), lambda: _called_back(request, provider_id))


def _connect(request: HttpRequest, token: str) -> HttpResponse:
    with opened(token) as connection:
        if connection is None:
            return page(_TOLD, 410, message=_OVER)
        if request.method != "POST":
            return _asked(connection)
        begun = begin(connection)
        answer = HttpResponseRedirect(begun.url, headers=headers(), status=303)
        _letting_forms_lead_to(answer, begun.url)
        _say_who(answer, connection.provider_id, begun.browser, STATE_S)
        return answer


def _called_back(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    if len(request.GET) > _MOST_PARAMETERS:
        raise SignInOver
    returned = {str(name): str(value) for name, value in request.GET.items()}
    browser = request.COOKIES.get(_COOKIE, "")
    connection = finish(provider_id, returned, browser, address_of(request) or "")
    is_connected = connection.status == ConnectionStatus.CONNECTED
    told = page("connections/done.html", 200, is_connected=is_connected, provider=visible(connection.provider.name))
    _say_who(told, provider_id, "", 0)
    return told


def _asked(connection: Connection) -> HttpResponse:
    provider, user = connection.provider, connection.user
    asked = page(
        "connections/connect.html",
        200,
        provider=visible(provider.name),
        place=visible(place_of_url(provider.authorize_url)),
        user="" if user is None else visible(user.name),
        scopes=[visible(scope) for scope in connection.wanted or ()],
        until=connection.link_until,
    )
    _letting_forms_lead_to(asked, provider.authorize_url)
    return asked


def _say_who(answer: HttpResponse, provider_id: UUID, browser: str, seconds: int) -> None:
    """Let the browser be known again when it comes back, and by nobody else."""
    answer.set_cookie(
        _COOKIE,
        browser,
        max_age=seconds,
        path=f"/connections/callback/{provider_id}",
        secure=settings.PUBLIC_URL.startswith("https://"),
        httponly=True,
        # Coming back is a step from another site.
        samesite="Lax",
    )


def _served(request: HttpRequest, methods: tuple[str, ...], answer: Callable[[], HttpResponse]) -> HttpResponse:
    def told() -> HttpResponse:
        try:
            return answer()
        except ConnectionRefused as refused:
            return page(_TOLD, 200, message=visible(refused.message))
        except ToolError as error:
            return page(_TOLD, 502, message=visible(error.message))

    return served(request, methods, told, template=_TOLD)


def _letting_forms_lead_to(answer: HttpResponse, url: str) -> None:
    """A form leads to another site only where both its page and what it is answered let it."""
    read = read_url(url)
    origin = f"{read.scheme}://{read.netloc.decode('ascii')}"
    if not _ORIGIN.fullmatch(origin):
        return  # it would say more than where to
    policy = answer.headers["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", f"form-action 'self' {origin}")
