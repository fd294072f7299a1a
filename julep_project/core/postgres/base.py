"""Django's backend for Postgres, whose new connections are set up for what the process does."""

import select
from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

from julep_project.core.database import set_up_session
from julep_project.core.postgres.cursor import ScopedCursor
from julep_project.core.row_security import scoping


class DatabaseWrapper(base.DatabaseWrapper):
    """Sets each connection up once, pooled or not, and forgets all that died together at once. Its cursors
    tell the database the scope that code runs in."""

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursor_factory": ScopedCursor}

    def chunked_cursor(self) -> Any:
        """Rows of a developer come at once: a cursor of the database would have to be made in their scope."""
        is_due = self.connection is None or scoping.due(self.connection) is not None
        wrapper: Any = self
        return wrapper._cursor() if is_due else super().chunked_cursor()

    def _commit(self) -> None:
        scoping.forget(self.connection)
        super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        scoping.forget(self.connection)
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        scoping.doubt(self.connection)

    @property
    def pool(self) -> "ConnectionPool[Any] | None":
        """Django's pool, with another look at connections that are taken from it."""
        options = self.settings_dict["OPTIONS"].get("pool")
        pools: dict[str, ConnectionPool[Any]] = self._connection_pools  # type: ignore[attr-defined]
        if options and self.alias != NO_DB_ALIAS and self.alias not in pools:
            configure: Any = self._configure_connection
            made: ConnectionPool[Any] = ConnectionPool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                open=False,
                configure=configure,
                check=self._check_taken,
                **options,
            )
            pools.setdefault(self.alias, made)
        found: ConnectionPool[Any] | None = super().pool
        return found

    def _check_taken(self, connection: Any) -> None:
        """Its socket tells without a statement: whoever ended it has said so there, and of a server that vanished the
        keepalives tell.

        What has ended one has most likely ended all. The pool itself would find out one after the other, with pauses
        that double, and give up meanwhile."""
        try:
            if _has_something_come(connection.pgconn.socket):
                ConnectionPool.check_connection(connection)
        except Exception:
            if self.pool is not None:
                self.pool.check()
            raise

    def _configure_connection(self, connection: Any) -> bool:
        """True when a transaction has to be committed. Also called by the pool, for each connection it opens."""
        changed: bool = super()._configure_connection(connection)  # type: ignore[misc]
        return set_up_session(connection) or changed


def _has_something_come(socket: int) -> bool:
    """A word that nobody asked for, an end, or an error."""
    looking = select.poll()
    looking.register(socket, select.POLLIN)
    return bool(looking.poll(0))
