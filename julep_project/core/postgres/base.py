"""Django's backend for Postgres, whose new connections get the time limits of what the process does."""

from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

from julep_project.core.database import limit_time


class DatabaseWrapper(base.DatabaseWrapper):
    """Sets the limits once for each connection, pooled or not, and forgets all that died together at once."""

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
        """What has ended one has most likely ended all. The pool itself would find out one after the other, with pauses
        that double, and give up meanwhile."""
        try:
            ConnectionPool.check_connection(connection)
        except Exception:
            if self.pool is not None:
                self.pool.check()
            raise

    def _configure_connection(self, connection: Any) -> bool:
        """True when a transaction has to be committed. Also called by the pool, for each connection it opens."""
        changed: bool = super()._configure_connection(connection)  # type: ignore[misc]
        return limit_time(connection) or changed
