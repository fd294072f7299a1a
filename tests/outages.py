"""A database that is away, or too slow, for the processes of a test and the test itself."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from julep_project.core import database
from julep_project.core.database import Use

# What whoever waits for the database to write something says each time.
NOT_WRITTEN = "not written; trying again"


@contextmanager
def administrator(name: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
    """A connection to the server of its own; it does not need the database of the test."""
    given: dict[str, Any] = connection.settings_dict
    where = {"host": given["HOST"], "port": given["PORT"] or None, "user": given["USER"]}
    with psycopg.connect(dbname=name, autocommit=True, **where) as found:
        yield found


@contextmanager
def database_away(*, keep: int = 0) -> Iterator[None]:
    """Nobody gets or keeps a connection, but for the process of the server named by `keep`."""
    name = connection.settings_dict["NAME"]
    with administrator() as server:
        server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s", [name, keep]
            )
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


@contextmanager
def locked(*tables: str) -> Iterator[Callable[[], None]]:
    """Nobody reads or writes the tables: statements wait until they run into their limit. Gives what ends it early."""
    with administrator(connection.settings_dict["NAME"]) as server:
        server.execute("BEGIN")
        server.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        yield server.rollback
        server.rollback()


@contextmanager
def when_noticed(act: Callable[[], object]) -> Iterator[None]:
    """Do this once, when somebody in this process has found that the database takes no write."""

    class Notice(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if NOT_WRITTEN in record.getMessage():
                logger.removeHandler(self)
                act()

    logger, notice = logging.getLogger("julep_project.core.outages"), Notice()
    logger.addHandler(notice)
    try:
        yield
        assert notice not in logger.handlers, "nobody has noticed"
    finally:
        logger.removeHandler(notice)


@pytest.fixture
def impatient(unpooled: None) -> Iterator[None]:
    """Statements of this process may take little time, as those of a worker may take a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_use", Use.IO)
        patch.setitem(settings.DATABASE_TIMEOUTS, Use.IO.value, (0.5, 0, 0))
        connection.close()
        yield
    # The database is emptied without a limit.
    connection.close()
