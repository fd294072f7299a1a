"""Who sent a request: the operator, somebody with an API key, or somebody with a token.

The operator's own key (`AGENTS_API_KEY`) acts for the developer that `X-Developer-Id` names when there are many, else
for the first one, the nil UUID. The header counts beside no other key.
"""

from collections.abc import Collection
from hmac import compare_digest
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from agents.access.developers import (
    SINGLE_TENANT_ID,
    check_active,
    check_cost,
    find_developer,
    find_or_make_developer,
    needs_cost,
    read_developer_id,
    recall_developer,
)
from agents.access.errors import InvalidUserAccount
from agents.access.key_text import is_key
from agents.access.keys import KnownKey, find_key, keys_in_force, recall_key
from agents.access.last_use import LAST_USES
from agents.access.tokens import Token, may_be_token, read_token, recall_token
from agents.models import Developer
from julep_project.core.actor import Actor, ActorKind
from julep_project.core.api.answer_headers import ANTHROPIC_KEY, speaks_anthropic
from julep_project.core.api.auth import Admission, Principal
from julep_project.core.api.peer import address_of
from julep_project.core.errors import DomainError, NotAuthenticated, ServiceUnavailable
from julep_project.core.tenancy import system_scope

_SCHEME = "bearer "
_USUAL_HEADERS = ("HTTP_AUTHORIZATION", "HTTP_X_AUTH_KEY")
# Longer ones hold no key of ours: a token has its own limit below this.
_LONGEST_HEADER = 16 * 1024


class _NotRemembered(Exception):
    """The database or the network has to be asked."""


class Authentication:
    """What `settings.AUTHENTICATOR` names."""

    def recall(self, request: HttpRequest) -> Principal | None:
        """Who sent this, if that is known without waiting for anything.

        Raises:
            what `authenticate` raises.
        """
        try:
            return _identify(request, may_wait=False)
        except _NotRemembered:
            return None

    def authenticate(self, request: HttpRequest) -> Principal:
        """Who sent this.

        Raises:
            NotAuthenticated: it brings no key or token that is in force, or several that differ.
            InvalidDeveloperId, InvalidUserAccount, CostLimitExceeded: of its developer.
        """
        return _identify(request, may_wait=True)

    @system_scope()
    def refusals(self, admissions: Collection[Admission]) -> dict[Admission, DomainError]:
        """Those of the admissions that would be refused now, and why."""
        key_ids = [key_id for _, key_id in admissions if key_id is not None]
        developer_ids = {developer_id for developer_id, _ in admissions}
        keys = set(keys_in_force().filter(pk__in=key_ids).values_list("pk", flat=True)) if key_ids else set()
        active = Developer.objects.filter(pk__in=developer_ids, active=True).values_list("pk", flat=True)
        developers = set(active)
        refused: dict[Admission, DomainError] = {}
        for admission in admissions:
            developer_id, key_id = admission
            if key_id is not None and key_id not in keys:
                refused[admission] = NotAuthenticated()
            elif developer_id not in developers:
                refused[admission] = InvalidUserAccount()
        return refused


AUTHENTICATION = Authentication()


def _identify(request: HttpRequest, *, may_wait: bool) -> Principal:
    offered = _offered(request)
    if _is_operators(offered):
        principal = _identify_operator(request, may_wait)
    else:
        principal = _identify_client(request, offered, may_wait)
    if not principal.is_checked:
        return principal
    check_active(principal.developer)
    if needs_cost(principal.developer, request.method):
        if not may_wait:
            raise _NotRemembered
        check_cost(principal.developer)
    return principal


def _identify_operator(request: HttpRequest, may_wait: bool) -> Principal:
    """The operator, for the developer that is named; the operator's own, of which nothing is checked, if none is."""
    named = _named_developer(request)
    developer = _developer(SINGLE_TENANT_ID if named is None else named, may_wait)
    actor = Actor(ActorKind.INTERNAL, address=_address(request))
    return Principal(developer, actor, is_checked=named is not None)


def _identify_client(request: HttpRequest, offered: list[str], may_wait: bool) -> Principal:
    """Who sent this with a key or token of a developer. Of what has the form of neither, nothing is made."""
    takes_tokens = settings.AGENTS_API_MULTI_TENANT_MODE
    usable = {text for text in offered if is_key(text) or (takes_tokens and may_be_token(text))}
    if len(usable) != 1:
        raise NotAuthenticated
    text = usable.pop()
    if is_key(text):
        key = _key(text, may_wait)
        principal = Principal(
            _developer(key.developer_id, may_wait),
            Actor(ActorKind.KEY, id=str(key.id), label=key.label, address=_address(request)),
            key_id=key.id,
            scopes=key.scopes,
        )
        LAST_USES.note(key.id)
        return principal
    token = _token(text, may_wait)
    developer_id = read_developer_id(token.subject)
    developer = recall_developer(developer_id)
    if developer is None:
        if not may_wait:
            raise _NotRemembered
        developer = find_or_make_developer(developer_id, token.email)
    actor = Actor(ActorKind.TOKEN, id=str(developer_id), label=developer.email, address=_address(request))
    return Principal(developer, actor)


def _offered(request: HttpRequest) -> list[str]:
    """Every key the request offers, without the optional scheme. A header that came twice is one text with a comma,
    which is no key."""
    names = [_meta_name(settings.AGENTS_API_KEY_HEADER_NAME), *_USUAL_HEADERS]
    if speaks_anthropic(request.path_info, request.headers):
        names.append(_meta_name(ANTHROPIC_KEY))
    found = []
    for name in dict.fromkeys(names):
        value = request.META.get(name, "").strip()
        if value[: len(_SCHEME)].lower() == _SCHEME:
            value = value[len(_SCHEME) :].strip()
        if value and len(value) <= _LONGEST_HEADER:
            found.append(value)
    return found


def _meta_name(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _is_operators(offered: list[str]) -> bool:
    expected = settings.AGENTS_API_KEY.encode()
    return bool(expected) and any(compare_digest(key.encode(), expected) for key in offered)


def _named_developer(request: HttpRequest) -> UUID | None:
    named = request.META.get("HTTP_X_DEVELOPER_ID", "").strip()
    return read_developer_id(named) if named and settings.AGENTS_API_MULTI_TENANT_MODE else None


def _developer(developer_id: UUID, may_wait: bool) -> Developer:
    developer = recall_developer(developer_id)
    if developer is not None:
        return developer
    if not may_wait:
        raise _NotRemembered
    try:
        return find_developer(developer_id)
    except InvalidUserAccount:
        if developer_id == SINGLE_TENANT_ID:
            raise ServiceUnavailable("The developer row is missing: run `manage.py migrate`") from None
        raise


def _key(text: str, may_wait: bool) -> KnownKey:
    key = recall_key(text)
    if key is None and not may_wait:
        raise _NotRemembered
    return key or find_key(text)


def _token(text: str, may_wait: bool) -> Token:
    token = recall_token(text)
    if token is None and not may_wait:
        raise _NotRemembered
    return token or read_token(text)


def _address(request: HttpRequest) -> str:
    return address_of(request) or ""
