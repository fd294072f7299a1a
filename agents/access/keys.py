"""API keys as authentication sees them."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.access.developers import REMEMBERED_S
from agents.access.key_text import digest_of
from agents.access.models import ApiKey
from julep_project.core.api.auth import KeyScope
from julep_project.core.clock import TransactionNow
from julep_project.core.errors import NotAuthenticated
from julep_project.core.process.remembered import Memory
from julep_project.core.tenancy import system_scope


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What authentication needs to know of a key that is in force."""

    id: UUID
    developer_id: UUID
    label: str
    scopes: frozenset[KeyScope]


_remembered: Memory[bytes, KnownKey] = Memory(most=10_000, for_s=REMEMBERED_S)


def keys_in_force() -> "QuerySet[ApiKey]":
    """Keys of all developers that were neither revoked nor have expired, by the database's clock."""
    not_expired = Q(expires_at__isnull=True) | Q(expires_at__gt=TransactionNow())
    return ApiKey.objects.filter(not_expired, revoked_at__isnull=True)


def recall_key(text: str) -> KnownKey | None:
    """The key, if it was found to be in force a moment ago."""
    return _remembered.recall(digest_of(text))


def find_key(text: str) -> KnownKey:
    """The key, if it is in force, or was a moment ago.

    Raises:
        NotAuthenticated: it is not.
    """
    return _remembered.find(digest_of(text), _load)


def forget_key(key: ApiKey) -> None:
    """It was changed here: look again."""
    _remembered.forget(bytes(key.digest))


@system_scope()
def _load(digest: bytes) -> KnownKey:
    row = keys_in_force().filter(digest=digest).values("id", "developer_id", "label", "scopes").first()
    if row is None:
        raise NotAuthenticated
    scopes = frozenset(map(KeyScope, row["scopes"]))
    return KnownKey(id=row["id"], developer_id=row["developer_id"], label=row["label"], scopes=scopes)
