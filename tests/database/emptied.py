"""What a test on committed rows ends with: tables as migrations left them, whatever running workers do just then."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import OperationalError, connection, transaction
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

_ATTEMPTS = 10
# What migrations wrote, and no test changes.
_KEPT = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
# With less, deleting rows is many times as quick as giving every table new files; with more, it leaves too much behind.
_LARGE_BYTES = 4 * 1024 * 1024


def empty_tables_after_tests(patch: pytest.MonkeyPatch) -> None:
    """In place of Django's flush, which truncates every table and announces a migration."""
    patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_tables())


def empty_tables() -> None:
    """Running processes lock tables in another order than this does; the one Postgres gives up tries again."""
    for attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                _delete_rows()
                import_module("agents.migrations.0002_single_tenant_developer").seed(apps, None)
            return
        except OperationalError as error:
            if attempt == _ATTEMPTS - 1 or not isinstance(error.__cause__, DeadlockDetected):
                raise


def _delete_rows() -> None:
    quote = connection.ops.quote_name
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = [quote(name) for name in names if name not in _KEPT]
    with connection.cursor() as cursor:
        # No row comes in between: foreign keys are not looked at while these are deleted.
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
        sizes = [f"pg_relation_size('{table}')" for table in tables]
        cursor.execute(f"SELECT greatest({', '.join(sizes)})")
        is_large = cursor.fetchone()[0] > _LARGE_BYTES
        # Nor do triggers see it: some tables refuse to be emptied.
        cursor.execute("SET LOCAL session_replication_role = replica")
        if is_large:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
            cursor.execute("SET LOCAL session_replication_role = origin")
            return
        looks = [f"EXISTS (SELECT FROM {table})" for table in tables]
        cursor.execute(f"SELECT {', '.join(looks)}")
        filled = [table for table, has_rows in zip(tables, cursor.fetchone(), strict=True) if has_rows]
        for table in filled:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SET LOCAL session_replication_role = origin")
