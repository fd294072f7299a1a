"""What an async view says when it has read a request's body, so that the server can let the next large one in."""

from typing import Any, Protocol

from django.http import HttpRequest

# Of the ASGI scope.
SCOPE_KEY = "julep.held_body"


class HeldBody(Protocol):
    """A body the server counts."""

    def release(self) -> None:
        """It is not needed any more."""


def let_go(request: HttpRequest) -> None:
    read: Any = request
    read._body = b""
    held: HeldBody | None = getattr(request, "scope", {}).get(SCOPE_KEY)
    if held is not None:
        held.release()
