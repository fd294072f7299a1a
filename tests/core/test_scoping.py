"""Telling the database whose rows are meant: with each transaction, and nothing of it stays on the connection."""

from typing import Any

import psycopg
import pytest
from django.db import NotSupportedError, connection, transaction
from psycopg_pool import ConnectionPool

from agents.models import Agent, Developer
from julep_project.core.database import execute, fetch
from julep_project.core.tenancy import empty_scope, system_scope, tenant_scope

WHO = "SELECT current_user::text, coalesce(current_setting('julep.developer', true), '')"
pytestmark = pytest.mark.django_db(transaction=True)


def test_scopes_of_single_statements(developer: Developer) -> None:
    with tenant_scope(developer.pk):
        assert fetch(WHO) == [("julep_tenant", str(developer.pk))]
        assert _on_the_session() == (connection.settings_dict["USER"], "")
        with pytest.raises(Exception, match="division by zero"):
            execute("SELECT 1/0")
        assert _on_the_session() == (connection.settings_dict["USER"], "")
    assert fetch(WHO) == [(connection.settings_dict["USER"], "")]


def test_scopes_of_transactions(developer: Developer, stranger: Developer) -> None:
    login = (connection.settings_dict["USER"], "")
    with tenant_scope(developer.pk):
        with transaction.atomic():
            assert fetch(WHO) == [("julep_tenant", str(developer.pk))]
            with system_scope():
                assert fetch("SELECT current_user::text") == [login[:1]]
            with tenant_scope(stranger.pk):
                assert fetch(WHO) == [("julep_tenant", str(stranger.pk))]
            assert fetch(WHO) == [("julep_tenant", str(developer.pk))]
        assert _on_the_session() == login


def test_scopes_of_savepoints_that_are_rolled_back(developer: Developer, stranger: Developer) -> None:
    with transaction.atomic():
        execute("SELECT 1")
        with pytest.raises(Exception, match="division by zero"), transaction.atomic(), tenant_scope(developer.pk):
            assert fetch(WHO) == [("julep_tenant", str(developer.pk))]
            execute("SELECT 1/0")
        assert fetch("SELECT current_user::text") == [(connection.settings_dict["USER"],)]
        with tenant_scope(stranger.pk):
            execute("SELECT 1")
            with transaction.atomic(), tenant_scope(developer.pk):
                execute("SELECT 1")
                transaction.set_rollback(True)
            assert fetch(WHO) == [("julep_tenant", str(stranger.pk))]


def test_scopes_of_connections_that_a_pooler_swaps(developer: Developer, stranger: Developer) -> None:
    """Each transaction on another connection, as with a pooler whose mode is `transaction`."""
    connection.ensure_connection()
    first, second = connection.connection, connection.copy("default")
    second.ensure_connection()
    connections = [first, second.connection]
    try:
        for number in range(6):
            connection.connection = connections[number % 2]
            connection.set_autocommit(True)
            owner = (developer, stranger)[number // 2 % 2]
            with tenant_scope(owner.pk):
                assert fetch("SELECT id FROM agents_developer") == [(owner.pk,)]
                with transaction.atomic():
                    assert fetch("SELECT id FROM agents_developer") == [(owner.pk,)]
            with empty_scope():
                assert fetch("SELECT id FROM agents_developer") == []
    finally:
        connection.connection = first
        second.close()


def test_scopes_of_rows_that_come_in_pieces(developer: Developer, stranger: Developer) -> None:
    with tenant_scope(developer.pk):
        assert [each.pk for each in Developer.objects.iterator()] == [developer.pk]
    with transaction.atomic(), tenant_scope(stranger.pk):
        assert [each.pk for each in Developer.objects.iterator()] == [stranger.pk]


def test_a_pool_looks_at_a_connection_in_any_scope(developer: Developer) -> None:
    connection.ensure_connection()
    with tenant_scope(developer.pk):
        ConnectionPool.check_connection(connection.connection)
    with empty_scope():
        ConnectionPool.check_connection(connection.connection)


def test_scopes_of_many_rows_at_once(developer: Developer) -> None:
    with tenant_scope(developer.pk), connection.cursor() as cursor:
        with pytest.raises(NotSupportedError, match="needs a transaction"):
            cursor.executemany("SELECT %s", [(1,), (2,)])
        with transaction.atomic():
            cursor.executemany("SELECT %s", [(1,), (2,)])
            assert fetch(WHO) == [("julep_tenant", str(developer.pk))]


def test_a_scope_costs_no_statement_of_its_own(developer: Developer, django_assert_num_queries: Any) -> None:
    with tenant_scope(developer.pk), django_assert_num_queries(1):
        list(Agent.objects.for_developer(developer))


def test_a_scope_takes_nothing_but_ids(unpooled: None) -> None:
    bad: Any = "'; RESET ROLE; --"
    with pytest.raises(ValueError), tenant_scope(bad):
        fetch(WHO)


def _on_the_session() -> tuple[str, str]:
    """Who the connection is between transactions, asked past all that tells it."""
    with psycopg.Cursor(connection.connection) as cursor:
        found: Any = cursor.execute(WHO).fetchone()
    return (found[0], found[1])
