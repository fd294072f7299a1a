"""Writes of API keys. Each is one transaction, limited to one developer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from agents.access.key_text import digest_of, new_key, shown_prefix
from agents.access.keys import forget_key
from agents.access.models import ApiKey
from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from julep_project.core.api.auth import EVERY_SCOPE, KeyScope
from julep_project.core.clock import DatabaseNow, TransactionNow, to_wire
from julep_project.core.errors import Conflict, Forbidden
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found

MOST_KEYS = 1000


def list_keys(developer: Developer) -> "QuerySet[ApiKey]":
    """Every key the developer ever had."""
    keys: QuerySet[ApiKey] = ApiKey.objects.for_developer(developer)
    return keys


def get_key(developer: Developer, key_id: UUID) -> ApiKey:
    """One key.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    return get_or_not_found(list_keys(developer), key_id, "API key")


@transaction.atomic
def create_key(
    *, developer: Developer, values: Mapping[str, Any], granted: frozenset[KeyScope] = EVERY_SCOPE
) -> tuple[ApiKey, str]:
    """A new key, and its text: nobody can have that again.

    Raises:
        Forbidden: it would have a scope that who makes it was not `granted`.
        InvalidInput: it would have expired.
        Conflict: the developer has too many.
    """
    scopes = _checked(values, granted)
    Developer.objects.select_for_update(no_key=True).get(pk=developer.pk)
    in_force = Q(expires_at__isnull=True) | Q(expires_at__gt=TransactionNow())
    if list_keys(developer).filter(in_force, revoked_at__isnull=True).count() >= MOST_KEYS:
        raise Conflict(f"There are {MOST_KEYS} API keys already; revoke some first")
    text = new_key()
    key = ApiKey(
        developer=developer,
        label=values["label"],
        prefix=shown_prefix(text),
        digest=digest_of(text),
        scopes=scopes,
        expires_at=values.get("expires_at"),
    )
    key.save(force_insert=True)
    _record(Verb.CREATE, key, after=_settings_of(key))
    return get_key(developer, key.pk), text


@transaction.atomic
def change_key(
    *, developer: Developer, key_id: UUID, values: Mapping[str, Any], granted: frozenset[KeyScope] = EVERY_SCOPE
) -> ApiKey:
    """Change what `values` name.

    Raises:
        NotFound, and what `create_key` raises; Conflict: the key is revoked, which is for good.
    """
    key = _locked(developer, key_id)
    if key.revoked_at is not None:
        raise Conflict("This API key is revoked")
    changes = dict(values)
    if "scopes" in values:
        changes["scopes"] = _checked(values, granted)
    _check_expiry(values.get("expires_at"))
    ApiKey.objects.filter(pk=key_id).update(updated_at=DatabaseNow(), **changes)
    transaction.on_commit(lambda: forget_key(key))
    changed = get_key(developer, key_id)
    _record(Verb.UPDATE, key, before=_settings_of(key), after=_settings_of(changed))
    return changed


@transaction.atomic
def revoke_key(*, developer: Developer, key_id: UUID) -> datetime:
    """Let the key open nothing any more, on every process within seconds; since when. Once is enough.

    Raises:
        NotFound
    """
    key = _locked(developer, key_id)
    if key.revoked_at is not None:
        return key.revoked_at
    ApiKey.objects.filter(pk=key_id).update(revoked_at=DatabaseNow(), updated_at=DatabaseNow())
    _record(Verb.REVOKE, key, before=_settings_of(key))
    transaction.on_commit(lambda: forget_key(key))
    revoked_at = get_key(developer, key_id).revoked_at
    assert revoked_at is not None
    return revoked_at


def _record(verb: Verb, key: ApiKey, **settings: Any) -> None:
    record(key.developer_id, Act(verb, ObjectKind.API_KEY, key.pk, str(key), **settings))


def _settings_of(key: ApiKey) -> dict[str, Any]:
    expires_at = None if key.expires_at is None else to_wire(key.expires_at)
    return {"label": key.label, "scopes": list(key.scopes), "expires_at": expires_at}


def _locked(developer: Developer, key_id: UUID) -> ApiKey:
    keys: QuerySet[ApiKey] = ApiKey.objects.for_developer(developer).select_for_update(no_key=True)
    return get_or_not_found(keys, key_id, "API key")


def _checked(values: Mapping[str, Any], granted: frozenset[KeyScope]) -> list[str]:
    """The scopes in one order, each once."""
    _check_expiry(values.get("expires_at"))
    scopes = set(values.get("scopes") or granted)
    missing = sorted(scopes - granted)
    if missing:
        raise Forbidden(f"A key cannot give what it does not have: {', '.join(missing)}")
    return [scope.value for scope in KeyScope if scope in scopes]


def _check_expiry(expires_at: datetime | None) -> None:
    """By the clock of this machine: the database's decides when the key is used."""
    if expires_at is not None and expires_at <= datetime.now(expires_at.tzinfo):
        raise invalid(("expires_at",), "value_error", received=expires_at.isoformat(), msg="This is not in the future")
