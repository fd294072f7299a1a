"""When Postgres looks after the tables that every run and call writes to.

By default it comes when a fifth of a table is dead: that is 200,000 rows where runs are kept for a month, all among
those that workers ask for. The share is small here, and so the same work is done in many short passes.

There is no `fillfactor`: the status of a branch is in the conditions of its indexes and changes with every commit, so
none of its updates is a heap-only one whatever room a page has; and those of runs find room by themselves.
"""

from collections.abc import Mapping, Sequence

from django.db.migrations import RunSQL

# Of rows that are changed again and again.
CHANGED: Mapping[str, float] = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 500,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.02,
    "autovacuum_analyze_threshold": 500,
    "autovacuum_vacuum_cost_limit": 500,
}
# Of rows that are written once and go with their period. Soon after they are written they are frozen, and marked as
# visible to all, which reads of an index alone need; so no pass has to read all of them at once later.
APPENDED: Mapping[str, float] = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 1000,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_vacuum_insert_threshold": 5000,
    "autovacuum_analyze_scale_factor": 0.05,
    "autovacuum_analyze_threshold": 1000,
    "autovacuum_vacuum_cost_limit": 500,
}


def look_after(tables: Sequence[str], parameters: Mapping[str, float]) -> RunSQL:
    """A migration that gives tables these parameters. Who reads or writes them goes on, and no row is touched."""
    given = ", ".join(f"{name} = {value:g}" for name, value in parameters.items())
    return RunSQL(
        [f"ALTER TABLE {table} SET ({given})" for table in tables],
        [f"ALTER TABLE {table} RESET ({', '.join(parameters)})" for table in tables],
    )
