"""Developers as authentication sees them: found, made on first sight, and whether they may do what they ask for."""

import logging
import re
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, InterfaceError, transaction

from agents.access.errors import InvalidDeveloperId, InvalidUserAccount
from agents.models import DEFAULT_PROJECT, Developer, Project
from agents.spending.limits import free_tier_cost, is_free
from julep_project.core.errors import CostLimitExceeded, DomainError, NotFound
from julep_project.core.process.remembered import Memory
from julep_project.core.tenancy import system_scope

log = logging.getLogger(__name__)

SINGLE_TENANT_ID = UUID(int=0)
# What was changed elsewhere is seen after this long at most.
REMEMBERED_S = 2.0
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_EMAIL = 254

_remembered: Memory[UUID, Developer] = Memory(most=4096, for_s=REMEMBERED_S)


def read_developer_id(value: object) -> UUID:
    """The id, if it is written as ids are.

    Raises:
        InvalidDeveloperId
    """
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise InvalidDeveloperId
    return UUID(value)


def recall_developer(developer_id: UUID) -> Developer | None:
    """The developer, if it was looked at a moment ago."""
    return _remembered.recall(developer_id)


def find_developer(developer_id: UUID) -> Developer:
    """The developer as it is, or was a moment ago, or was last seen while the database is away.

    Raises:
        InvalidUserAccount: there is none.
    """
    try:
        return _remembered.find(developer_id, _load)
    except (DatabaseError, InterfaceError):
        known = _remembered.recall_at_any_age(developer_id)
        if known is None:
            raise
        return known


def find_or_make_developer(developer_id: UUID, email: str) -> Developer:
    """The developer of a token, made on first sight if settings say so.

    Raises:
        InvalidUserAccount: there is none.
    """
    try:
        return find_developer(developer_id)
    except InvalidUserAccount:
        if not settings.JWT_CREATE_DEVELOPERS:
            raise
    make_developer(developer_id, email)
    return find_developer(developer_id)


@system_scope()
@transaction.atomic
def make_developer(developer_id: UUID, email: str) -> None:
    """A developer with its default project. Of several at the same time, all but one change nothing."""
    Developer.objects.bulk_create([Developer(id=developer_id, email=_usable(email))], ignore_conflicts=True)
    make_default_project(developer_id)


def make_default_project(developer_id: UUID) -> None:
    """See to it that a developer has the project that whatever names none belongs to."""
    project = Project(developer_id=developer_id, name=DEFAULT_PROJECT, canonical_name=DEFAULT_PROJECT)
    Project.objects.bulk_create([project], ignore_conflicts=True)


def check_active(developer: Developer) -> None:
    """Refuse what is asked of a developer that is switched off.

    Raises:
        InvalidUserAccount
    """
    if not developer.active:
        raise InvalidUserAccount


def needs_cost(developer: Developer, method: str | None) -> bool:
    """Whether the cost of the month decides about the request."""
    return settings.AGENTS_API_MULTI_TENANT_MODE and method not in _HARMLESS and is_free(developer)


def check_cost(developer: Developer) -> None:
    """Refuse whoever used up what is free, or used what nobody knows the price of. A check that fails refuses nobody.

    Raises:
        CostLimitExceeded
    """
    try:
        cost = free_tier_cost(developer.pk)
    except NotFound:
        return
    except DomainError:
        raise
    except Exception:
        log.exception("cost of the month is not known", extra={"action": "cost_check_failed"})
        return
    if cost is None or cost > settings.FREE_TIER_COST_LIMIT:
        raise CostLimitExceeded


@system_scope()
def _load(developer_id: UUID) -> Developer:
    developer = Developer.objects.filter(pk=developer_id).first()
    if developer is None:
        raise InvalidUserAccount
    return developer


def _usable(email: str) -> str:
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email if len(email) <= _LONGEST_EMAIL else ""
