"""Who is calling, and what they may do. Which keys and tokens there are is known to `settings.AUTHENTICATOR`."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.errors import DomainError, Forbidden, NotAuthenticated


class KeyScope(StrEnum):
    """What a caller may do. `ADMIN` is for keys, limits and the audit log."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


EVERY_SCOPE = frozenset(KeyScope)
_principal: "ContextVar[Principal | None]" = ContextVar("principal", default=None)


# The developer, and the key if it is a row: what may be taken back while a connection is open.
Admission = tuple[UUID, UUID | None]


@dataclass(frozen=True, slots=True)
class Principal:
    """What authentication puts in `request.user`. `key_id` is that of the API key that was sent, if it is a row.

    `is_checked`: the developer has to be in good standing. The operator's own requests are never refused for that.
    """

    developer: Any
    actor: Actor
    key_id: UUID | None = None
    scopes: frozenset[KeyScope] = EVERY_SCOPE
    is_checked: bool = True
    is_authenticated: bool = True

    @property
    def admission(self) -> Admission | None:
        """What this may be refused by later; None when nothing is."""
        return (self.developer.pk, self.key_id) if self.is_checked else None

    def require(self, scope: KeyScope) -> None:
        """Refuse what the key is not for.

        Raises:
            Forbidden
        """
        if scope not in self.scopes:
            raise Forbidden(f"This key has no scope {scope.value}; it has {', '.join(sorted(self.scopes))}")


class Authenticator(Protocol):
    """What `settings.AUTHENTICATOR` names."""

    def recall(self, request: HttpRequest) -> Principal | None:
        """Who sent this, if that is known without waiting for anything. Raises what `authenticate` raises."""

    def authenticate(self, request: HttpRequest) -> Principal:
        """Who sent this. Raises NotAuthenticated, or why the developer is refused."""

    def refusals(self, admissions: Collection[Admission]) -> Mapping[Admission, DomainError]:
        """Those of the admissions that would be refused now, and why."""


class ApiKeyAuthentication(BaseAuthentication):
    """Checks the API key; runs before the body is read."""

    def authenticate(self, request: Request) -> tuple[Principal, None]:
        """The caller.

        Raises:
            NotAuthenticated: the key is missing or wrong.
        """
        return authenticate(request._request), None


class HasDeveloper(BasePermission):
    """Refuses whoever did not authenticate, or may not do this.

    What is needed is written at the view: `scope`, or else that of the method.
    """

    def has_permission(self, request: Request, view: object) -> bool:
        principal_of(request).require(getattr(view, "scope", None) or scope_of_method(request.method))
        return True


class IsOperator(HasDeveloper):
    """Refuses whoever does not hold the operator's own key."""

    def has_permission(self, request: Request, view: object) -> bool:
        require_operator(principal_of(request))
        return True


def require_operator(principal: Principal) -> None:
    """Refuse whoever does not hold the operator's own key.

    Raises:
        NotAuthenticated
    """
    if principal.actor.kind is not ActorKind.INTERNAL:
        raise NotAuthenticated


def authenticator() -> Authenticator:
    return _authenticator(settings.AUTHENTICATOR)


def authenticate(request: HttpRequest) -> Principal:
    """Who sent this request.

    Call it from an async view through `run_query`: it may read the database.

    Raises:
        NotAuthenticated: the key is missing or wrong, or this server has no key configured.
        DomainError: the developer is refused.
    """
    return authenticator().authenticate(request)


def scope_of_method(method: str | None) -> KeyScope:
    return KeyScope.READ if method in ("GET", "HEAD", "OPTIONS") else KeyScope.WRITE


def current_principal() -> Principal | None:
    """Who sent the request whose async view runs here, or has started what runs here."""
    return _principal.get()


@contextmanager
def calling_as(principal: Principal) -> Iterator[None]:
    """Let this be who calls, and who acts, for the length of the block and for the tasks that it starts."""
    token = _principal.set(principal)
    try:
        with acting_as(principal.actor):
            yield
    finally:
        _principal.reset(token)


def principal_of(request: Request | HttpRequest) -> Principal:
    principal = getattr(request, "user", None)
    if not isinstance(principal, Principal):
        raise NotAuthenticated
    return principal


def developer_of(request: Request | HttpRequest) -> Any:
    return principal_of(request).developer


@cache
def _authenticator(name: str) -> Authenticator:
    return cast(Authenticator, import_string(name))
