"""Who is calling. Single-tenant: one API key, one developer (the nil UUID)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from julep_project.core.errors import NotAuthenticated, ServiceUnavailable

SINGLE_TENANT_ID = UUID(int=0)
_SCHEME = "bearer "


@dataclass(frozen=True)
class Principal:
    """What authentication puts in `request.user`."""

    developer: Any
    is_authenticated: bool = True


class ApiKeyAuthentication(BaseAuthentication):
    """Checks the API key; runs before the body is read."""

    def authenticate(self, request: Request) -> tuple[Principal, None]:
        """The caller.

        Raises:
            NotAuthenticated: the key is missing or wrong.
        """
        return Principal(authenticate(request.headers)), None


class HasDeveloper(BasePermission):
    """Refuses whoever did not authenticate."""

    def has_permission(self, request: Request, view: object) -> bool:
        if isinstance(request.user, Principal):
            return True
        raise NotAuthenticated


def authenticate(headers: Mapping[str, str]) -> Any:
    """The acting developer for these request headers (looked up without regard to case).

    Call it from an async view through `sync_to_async`: the first call reads the database.

    Raises:
        NotAuthenticated: the key is missing or wrong, or this server has no key configured.
    """
    if not _is_known_key(_keys_in(headers)):
        raise NotAuthenticated
    return _load_developer(SINGLE_TENANT_ID)


def developer_of(request: Request | HttpRequest) -> Any:
    principal = request.user
    if not isinstance(principal, Principal):
        raise NotAuthenticated
    return principal.developer


def _keys_in(headers: Mapping[str, str]) -> list[str]:
    """Every key the request offers, without the optional scheme."""
    names = dict.fromkeys([settings.AGENTS_API_KEY_HEADER_NAME, "Authorization", "X-Auth-Key"])
    values = [headers.get(name, "").strip() for name in names]
    return [value[len(_SCHEME) :].strip() if value.lower().startswith(_SCHEME) else value for value in values if value]


def _is_known_key(offered: list[str]) -> bool:
    expected = settings.AGENTS_API_KEY.encode()
    if not expected:
        return False
    return any(compare_digest(key.encode(), expected) for key in offered)


@lru_cache(maxsize=1)
def _load_developer(developer_id: UUID) -> Any:
    """The seeded developer. Only its id and tags are ever used, and nothing edits it while the server runs."""
    developer = apps.get_model(settings.DEVELOPER_MODEL)._default_manager.filter(pk=developer_id).first()
    if developer is None:
        raise ServiceUnavailable("The developer row is missing: run `manage.py migrate`")
    return developer
