"""Who is calling, and what they may do. Which keys and tokens there are is known to `settings.AUTHENTICATOR`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from julep_project.core.actor import Actor
from julep_project.core.errors import NotAuthenticated


class KeyScope(StrEnum):
    """What a caller may do. `ADMIN` is for keys, limits and the audit log."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


EVERY_SCOPE = frozenset(KeyScope)


@dataclass(frozen=True, slots=True)
class Principal:
    """What authentication puts in `request.user`. `key_id` is that of the API key that was sent, if it is a row."""

    developer: Any
    actor: Actor
    key_id: UUID | None = None
    scopes: frozenset[KeyScope] = EVERY_SCOPE
    is_authenticated: bool = True


class ApiKeyAuthentication(BaseAuthentication):
    """Checks the API key; runs before the body is read."""

    def authenticate(self, request: Request) -> tuple[Principal, None]:
        """The caller.

        Raises:
            NotAuthenticated: the key is missing or wrong.
        """
        return authenticate(request._request), None


class HasDeveloper(BasePermission):
    """Refuses whoever did not authenticate."""

    def has_permission(self, request: Request, view: object) -> bool:
        principal_of(request)
        return True


def authenticate(request: HttpRequest) -> Principal:
    """Who sent this request.

    Call it from an async view through `run_query`: it may read the database.

    Raises:
        NotAuthenticated: the key is missing or wrong, or this server has no key configured.
    """
    return _authenticator(settings.AUTHENTICATOR)(request)


def principal_of(request: Request | HttpRequest) -> Principal:
    principal = getattr(request, "user", None)
    if not isinstance(principal, Principal):
        raise NotAuthenticated
    return principal


def developer_of(request: Request | HttpRequest) -> Any:
    return principal_of(request).developer


@cache
def _authenticator(name: str) -> Callable[[HttpRequest], Principal]:
    found: Callable[[HttpRequest], Principal] = import_string(name)
    return found
