"""Who may see a page or do an act. `view` is never enough for an act."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]

VIEW = "console.view_console"
CONTENTS = "console.view_contents"
OPERATE = "console.operate"
ADMINISTER = "console.administer"


def may(request: HttpRequest, permission: str) -> bool:
    """Whether who asks may do this."""
    user: Any = request.user
    return bool(user.is_active and user.is_staff and user.has_perm(permission))


def needs(*permissions: str) -> Callable[[View], View]:
    """A view for those who have all of these permissions."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
            if not all(may(request, permission) for permission in permissions):
                raise PermissionDenied
            return view(request, *arguments, **options)

        guarded.permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return decorate
