"""What a database error means to the caller."""

import psycopg
import psycopg.errors
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg_pool import PoolTimeout

from agents.models import Agent, Developer, Project
from julep_project.core.errors import Conflict, NotFound
from julep_project.core.storage_errors import as_domain_error, is_outage, took_too_long


@pytest.mark.parametrize(
    ("cause", "status", "message"),
    [
        (psycopg.errors.NumericValueOutOfRange(), 400, "Invalid agent data provided"),
        (psycopg.errors.TooManyConnections(), 429, "The resource is busy; try again."),
        (psycopg.errors.LockNotAvailable(), 429, "The resource is busy; try again."),
        (psycopg.errors.QueryCanceled(), 429, "The resource is busy; try again."),
        (PoolTimeout(), 503, "The database is not reachable; try again"),
        (psycopg.errors.IdleInTransactionSessionTimeout(), 503, "The database is not reachable; try again"),
        (psycopg.errors.ReadOnlySqlTransaction(), 503, "The database is not reachable; try again"),
        (psycopg.InterfaceError(), 503, "The database is not reachable; try again"),
        (psycopg.errors.DeadlockDetected(), 503, "The database is not reachable; try again"),
        (psycopg.errors.AdminShutdown(), 503, "The database is not reachable; try again"),
        (psycopg.OperationalError(), 503, "The database is not reachable; try again"),
    ],
)
def test_by_class(cause: Exception, status: int, message: str) -> None:
    error = DatabaseError()
    error.__cause__ = cause
    known = as_domain_error(error, operation="create", resource="Agent")
    assert known is not None
    assert (known.status, known.message) == (status, message)
    assert known.retryable == (status != 400)
    assert is_outage(error) == (known.retryable and not took_too_long(error))
    assert took_too_long(error) == isinstance(cause, psycopg.errors.QueryCanceled)


@pytest.mark.parametrize("cause", [psycopg.errors.UndefinedTable(), psycopg.errors.CheckViolation(), None])
def test_bugs_stay_bugs(cause: Exception | None) -> None:
    error = DatabaseError()
    error.__cause__ = cause
    assert as_domain_error(error, operation="create", resource="Agent") is None
    assert not is_outage(error)


def test_unique_constraint_by_name(db: None) -> None:
    developer = Developer.objects.get()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Project.objects.create(developer=developer, name="d", canonical_name="DEFAULT")
    known = as_domain_error(caught.value, operation="create", resource="Project")
    assert isinstance(known, Conflict)
    assert known.message == "A project with this canonical name already exists during create"


def test_a_reference_to_nothing(db: None) -> None:
    developer = Developer.objects.get()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Agent.objects.create(
            developer=developer, project_id="01900000-0000-7000-8000-000000000000", name="a", canonical_name="a"
        )
        connection.check_constraints()
    known = as_domain_error(caught.value, operation="create", resource="Agent")
    assert isinstance(known, NotFound)
    assert known.message == "Agent or something it refers to does not exist"
