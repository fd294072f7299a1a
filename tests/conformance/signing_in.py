"""Signs in where a server of the suite wants it, as a person with a browser would: by the pages of the platform."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from django.test import Client

from agents.models import Developer
from agents.tools.actions import ActionNeeded, Given
from agents.tools.errors import ToolError
from agents.tools.registry import ToolCall
from agents.tools.signing_in import DEVELOPER, SignIn, in_the_name_of

Result = TypeVar("Result")
# A server may want another scope for something else.
_MOST_SIGN_INS = 3


def signed_in(developer: Developer, url: str, send: Callable[[str], Result]) -> Result:
    """What comes of sending it with a token; whoever is asked to sign in does."""
    call = ToolCall(developer=developer, idempotency_key="suite", name="suite", kind="mcp", spec={}, arguments={})
    wanted = SignIn.wanted_by(call, {"of": DEVELOPER}, resource=url)
    assert wanted is not None
    for _ in range(_MOST_SIGN_INS):
        try:
            return in_the_name_of(wanted, call, lambda _, token: send(token))
        except ActionNeeded as needed:
            if "connection_id" not in needed.action.told:
                raise
            call = replace(call, given=Given(needed.action.type, needed.action.kept))
            _sign_in(str(needed.action.told["url"]))
    raise ToolError("signed in, and asked to sign in again")


def _sign_in(link: str) -> None:
    """Open the link, go where it leads, and come back: the authorization servers of the suite ask nothing."""
    browser = Client(headers={"host": urlsplit(link).netloc})
    page = urlsplit(link).path
    assert browser.get(page).status_code == 200
    asked: Any = browser.post(page)
    there = httpx.get(asked["location"], follow_redirects=False, trust_env=False)
    back = urlsplit(there.headers["location"])
    told: Any = browser.get(f"{back.path}?{back.query}")
    if told.status_code >= 400:
        raise ToolError(f"the sign-in came to nothing: {told.status_code}")
