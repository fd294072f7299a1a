"""The flush that follows a test on committed rows: it brings back the rows of migrations, and gets past workers."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import OperationalError, connection
from django.db.models.signals import post_migrate
from psycopg.errors import DeadlockDetected

_ATTEMPTS = 10


def seed_developer(**_: Any) -> None:
    """Create the developer of single-tenant mode and its default project, if they are missing."""
    import_module("agents.migrations.0002_single_tenant_developer").seed(apps, None)


def keep_seeded() -> None:
    """From now on every flush brings the rows back (Django announces a flush like a migration)."""
    post_migrate.connect(seed_developer, sender=apps.get_app_config("agents"), dispatch_uid="tests.seed")


def flush_past_workers(patch: pytest.MonkeyPatch) -> None:
    """Running processes lock tables in another order than a flush does; the one Postgres gives up tries again."""
    flush = connection.ops.execute_sql_flush

    def persistent(statements: list[str]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                return flush(statements)
            except OperationalError as error:
                if attempt == _ATTEMPTS - 1 or not isinstance(error.__cause__, DeadlockDetected):
                    raise
        return None

    patch.setattr(connection.ops, "execute_sql_flush", persistent)
