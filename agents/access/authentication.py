"""Who sent a request. Single-tenant: one API key, one developer (the nil UUID)."""

from collections.abc import Mapping
from functools import lru_cache
from hmac import compare_digest
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from agents.models import Developer
from julep_project.core.actor import Actor, ActorKind
from julep_project.core.api.auth import Principal
from julep_project.core.api.peer import address_of
from julep_project.core.errors import NotAuthenticated, ServiceUnavailable

SINGLE_TENANT_ID = UUID(int=0)
_SCHEME = "bearer "


def authenticate(request: HttpRequest) -> Principal:
    """The acting developer, and how we know.

    Raises:
        NotAuthenticated: the key is missing or wrong, or this server has no key configured.
    """
    if not _is_known_key(_keys_in(request.headers)):
        raise NotAuthenticated
    developer = load_developer(SINGLE_TENANT_ID)
    return Principal(developer, Actor(ActorKind.INTERNAL, address=address_of(request) or ""))


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
def load_developer(developer_id: UUID) -> Developer:
    """The seeded developer. Only its id and tags are ever used, and nothing edits it while the server runs."""
    developer = Developer.objects.filter(pk=developer_id).first()
    if developer is None:
        raise ServiceUnavailable("The developer row is missing: run `manage.py migrate`")
    return developer
