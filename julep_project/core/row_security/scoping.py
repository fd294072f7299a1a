"""Tells the database in which scope code runs: at the beginning of each transaction, and of each statement that is one
by itself.

What is told goes with the statement, in the same message, and ends with its transaction: nothing is set on the
session, so a pooler may move connections between transactions. The scope of all costs nothing: it is that of the login.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from psycopg.pq import TransactionStatus

from julep_project.core.database import Use, used_as
from julep_project.core.row_security.policies import DEVELOPER_SETTING, TENANT_ROLE
from julep_project.core.tenancy import NOBODY, SYSTEM, Scope, current_scope

# As a call, for pipelines: there, `SET LOCAL` warns that it has no transaction, though it has.
_CALL = f"SELECT set_config('role', %s, true), set_config('{DEVELOPER_SETTING}', %s, true)"
# A savepoint was rolled back, and what was told after it with it.
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Telling:
    """What goes in front of a statement, and how many statements that is."""

    text: bytes
    statements: int


def due(raw: Any) -> Telling | None:
    """What has to go before the next statement of this connection of the driver, if anything."""
    if not settings.ROW_SECURITY_ON:
        return None
    wanted, told = _wanted(), getattr(raw, "scope_told", None)
    if told is None and wanted is SYSTEM:
        return None
    status = raw.pgconn.transaction_status
    if status == TransactionStatus.INERROR:
        # Takes nothing but the end of what failed.
        return None
    if status != TransactionStatus.INTRANS:
        told = None
    return None if wanted == (told or SYSTEM) else _telling(wanted)


def note(raw: Any) -> None:
    """What was due is told. Alone it was the transaction's, and is over."""
    raw.scope_told = _wanted() if raw.pgconn.transaction_status == TransactionStatus.INTRANS else None


def forget(raw: Any) -> None:
    """A transaction has ended."""
    if raw is not None:
        raw.scope_told = None


def doubt(raw: Any) -> None:
    """A savepoint was rolled back."""
    if getattr(raw, "scope_told", None) is not None:
        raw.scope_told = _UNKNOWN


@contextmanager
def told(raw: Any) -> Iterator[None]:
    """For statements that travel apart from their values, and so take no other along: both go in one pipeline."""
    if due(raw) is None:
        yield
        return
    with raw.pipeline(), raw.cursor() as cursor:
        cursor.execute_bare(_CALL, _arguments(_wanted()))
        yield
    note(raw)


def _wanted() -> Scope:
    """A server that answers requests knows for whom, or sees nothing; what else runs without a scope is upkeep."""
    scope = current_scope()
    if scope is not None:
        return scope
    return NOBODY if used_as() is Use.API else SYSTEM


@lru_cache(maxsize=1024)
def _telling(scope: Scope) -> Telling:
    if scope == SYSTEM:
        return Telling(b"SET LOCAL role TO DEFAULT; ", 1)
    text = f"SET LOCAL ROLE {TENANT_ROLE}; SET LOCAL {DEVELOPER_SETTING} = '{_developer(scope)}'; "
    return Telling(text.encode(), 2)


def _arguments(scope: Scope) -> list[str | None]:
    return [None if scope == SYSTEM else TENANT_ROLE, _developer(scope)]


def _developer(scope: Scope) -> str:
    """Becomes part of a statement's text: nothing but a UUID may."""
    return "" if scope.developer_id is None else str(UUID(str(scope.developer_id)))
