"""Whose rows code may see.

Twice: every row of a tenant has a `developer`, from which every query starts (`for_developer`); and the code that runs
is in a scope, by which the database itself decides (`core/row_security`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import models

from julep_project.core.errors import NotFound

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Own:
    """How rows are known to be a developer's: by a column of theirs. A model with a `developer_id` need not say it."""

    column: str = "developer_id"


@dataclass(frozen=True, slots=True)
class Through:
    """How rows are known to be a developer's: by the row of another model that a column of theirs names."""

    column: str
    model: str


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows are nobody's: all developers see the same."""


# What a model says in `tenancy`.
Tenancy = Own | Through | Shared


@dataclass(frozen=True, slots=True)
class Scope:
    """One developer's rows, or with `None` those of all, unless it `is_empty`."""

    developer_id: UUID | None
    is_empty: bool = False


SYSTEM = Scope(None)
NOBODY = Scope(None, is_empty=True)
_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)


@contextmanager
def tenant_scope(developer_id: UUID) -> Iterator[None]:
    """Let the block see and write the rows of this developer only, whatever it was in before.

    Like any context variable, it goes along into tasks and into threads that `run_query` and `in_thread` use.
    """
    with _scoped(Scope(developer_id)):
        yield


@contextmanager
def system_scope() -> Iterator[None]:
    """Let the block see and write the rows of all developers: for who does not know yet for whom it works, and for
    upkeep. Also a decorator."""
    with _scoped(SYSTEM):
        yield


@contextmanager
def empty_scope() -> Iterator[None]:
    """Let the block see no developer's rows, until it enters another scope."""
    with _scoped(NOBODY):
        yield


def enter_tenant(developer_id: UUID) -> None:
    """Go on as a `tenant_scope` would, until the block ends that this is called in: for what finds out in the middle
    whom it works for."""
    _scope.set(Scope(developer_id))


def current_scope() -> Scope | None:
    """The innermost scope that was entered and not left; None outside of all."""
    return _scope.get()


@contextmanager
def _scoped(scope: Scope) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


class TenantQuerySet(models.QuerySet[Any]):
    """Rows of one developer at a time."""

    def for_developer(self, developer: models.Model) -> Self:
        return self.filter(developer=developer)


TenantManager = models.Manager.from_queryset(TenantQuerySet)


def get_or_not_found(rows: "models.QuerySet[Row]", row_id: UUID, resource: str) -> Row:
    """The row with this id.

    A row of another developer is not in `rows`, so it looks exactly like one that does not exist.

    Raises:
        NotFound: `<Resource> not found`.
    """
    row = rows.filter(pk=row_id).first()
    if row is None:
        raise NotFound(f"{resource} not found")
    return row
