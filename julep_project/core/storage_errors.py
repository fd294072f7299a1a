"""Database errors as domain errors: by constraint name and error class, never by message text."""

from functools import cache

import psycopg.errors
from django.apps import apps
from django.db import Error, models
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from julep_project.core.errors import (
    BadRequest,
    Conflict,
    DomainError,
    NotFound,
    ServiceUnavailable,
)

# Beginnings of SQLSTATE codes: out of resources, lock not available.
_BUSY = ("53", "55P03")
# A statement was cancelled, by `statement_timeout` as a rule.
_CANCELLED = "57014"
# The server has gone away, or ended this connection: a transaction that stood idle or took too long, a server that
# only reads while another takes over from it.
_AWAY = ("08", "25006", "25P03", "25P04", "57P")


class StorageBusy(DomainError):
    """The resource is busy; try again."""

    status = 429
    retryable = True
    retry_after_s = 1


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
    if isinstance(cause, TooManyRequests) or _sqlstate(cause).startswith(_BUSY) or took_too_long(error):
        return StorageBusy()
    if _is_away(cause):
        return ServiceUnavailable("The database is not reachable; try again")
    return None


def is_outage(error: Error) -> bool:
    """True when the error says something of the database's state and nothing of what was asked of it.

    Out of reach, out of room, a lock not given in time, a transaction that lost to another: the same work may well
    succeed later. Work that meets it waits, and no attempt of it is counted. A statement that took too long is no
    outage: see `outages.is_waited_out`.
    """
    cause = error.__cause__
    if took_too_long(error):
        return False
    return isinstance(cause, TooManyRequests) or _sqlstate(cause).startswith(_BUSY) or _is_away(cause)


def took_too_long(error: BaseException | None) -> bool:
    """True when the database cancelled a statement that ran into its limit of time."""
    return isinstance(error, Error) and _sqlstate(error.__cause__) == _CANCELLED


def _is_away(cause: BaseException | None) -> bool:
    """A pool that can give no connection in time has none: it may have as many as there are threads to ask."""
    lost = PoolTimeout | PoolClosed | psycopg.OperationalError | psycopg.InterfaceError
    return isinstance(cause, lost) or _sqlstate(cause).startswith(_AWAY)


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
