"""Database errors as domain errors: by constraint name and error class, never by message text."""

from functools import cache

import psycopg.errors
from django.apps import apps
from django.db import Error, models
from psycopg_pool import PoolTimeout, TooManyRequests

from julep_project.core.errors import (
    BadRequest,
    Conflict,
    DomainError,
    NotFound,
    ServiceUnavailable,
)

# Beginnings of SQLSTATE codes: out of resources, lock not available, query cancelled.
_BUSY = ("53", "55P03", "57014")


class StorageBusy(DomainError):
    """The resource is busy; try again."""

    status = 429
    retryable = True


def as_domain_error(error: Error, *, operation: str, resource: str) -> DomainError | None:
    """What the caller did to cause this, or None when it is a bug of ours.

    `operation` and `resource` are words for the message: `create`, `Agent`.
    """
    cause = error.__cause__
    if isinstance(cause, psycopg.errors.UniqueViolation):
        constraint = _constraints().get(cause.diag.constraint_name or "")
        return Conflict(f"{constraint.violation_error_message} during {operation}") if constraint else None
    if isinstance(cause, psycopg.errors.ForeignKeyViolation):
        return NotFound(f"{resource} or something it refers to does not exist")
    if isinstance(cause, psycopg.errors.DataError):
        return BadRequest(f"Invalid {resource.lower()} data provided")
    if isinstance(cause, PoolTimeout | TooManyRequests) or _sqlstate(cause).startswith(_BUSY):
        return StorageBusy()
    if isinstance(cause, psycopg.OperationalError):
        return ServiceUnavailable("The database is not reachable; try again")
    return None


def _sqlstate(cause: BaseException | None) -> str:
    return getattr(cause, "sqlstate", None) or ""


@cache
def _constraints() -> dict[str, models.UniqueConstraint]:
    """Unique constraints of every model by name; the sentence for the caller stands beside the constraint."""
    return {
        constraint.name: constraint
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
    }
