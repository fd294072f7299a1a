"""What Postgres says of itself."""

from typing import Any

from julep_project.console.queries.rows import Row, rows

_TABLES = """
    SELECT relname AS name, pg_total_relation_size(relid) AS bytes, n_live_tup AS live, n_dead_tup AS dead,
           greatest(last_analyze, last_autoanalyze) AS analysed, greatest(last_vacuum, last_autovacuum) AS vacuumed
    FROM pg_stat_user_tables ORDER BY 2 DESC LIMIT 15
"""
_ACTIVITY = """
    SELECT count(*) AS connections, count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%%') AS idle_in_transaction,
           min(xact_start) FILTER (WHERE state IS NOT NULL) AS oldest_transaction,
           current_setting('max_connections')::int AS most_connections,
           pg_database_size(current_database()) AS bytes, current_setting('server_version') AS version,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS has_statements
    FROM pg_stat_activity WHERE datname = current_database()
"""
_RUNNING = """
    SELECT pid, state, query_start AS since, coalesce(wait_event_type || ': ' || wait_event, '') AS waits_for,
           left(query, 300) AS query
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
      AND query_start < now() - interval '1 second'
    ORDER BY query_start LIMIT 20
"""


def tables() -> list[Row]:
    """The largest tables with their indexes."""
    return rows(_TABLES)


def activity() -> dict[str, Any]:
    """Connections, sizes and the oldest transaction."""
    return rows(_ACTIVITY)[0]


def running() -> list[Row]:
    """Statements that take longer than a second now."""
    return rows(_RUNNING)
