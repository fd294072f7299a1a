"""Runs the engine's own SQL: values travel apart from the text, so the database parses and plans a statement once."""

import time
from collections.abc import Mapping
from typing import Any

from django.db import connection
from psycopg import Cursor

from julep_project.core.row_security import scoping
from julep_project.core.telemetry.statements import note_time
from julep_project.core.tenancy import system_scope


def fetch_row(sql: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The first row a statement returns. `jsonb` comes as text, because Django leaves its decoding to the field."""
    return next(iter(fetch_rows(sql, parameters, most=1)), None)


@system_scope()
def fetch_rows(sql: str, parameters: Mapping[str, Any], *, most: int | None = None) -> list[tuple[Any, ...]]:
    """The rows a statement returns, or so many of them.

    In the scope of all: where a statement writes a run with its parts, the database could not see whose the parts are
    before it is over. It names whose the run is.
    """
    connection.ensure_connection()
    # Django's own cursor checks a connection that was not used lately, and refuses a broken transaction.
    with connection.cursor(), connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        began = time.monotonic()
        with scoping.told(connection.connection):
            cursor.execute(sql.encode(), parameters, prepare=True)
        note_time(sql, began)
        return cursor.fetchall() if most is None else cursor.fetchmany(most)
