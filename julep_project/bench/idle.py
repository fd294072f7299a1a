"""What the whole installation asks of its database while nobody wants anything."""

import time

from django.db import connection

# Idle statements stand alone, so each is a transaction. The statistics of a connection arrive up to a second late,
# and those of what ran just before must not be counted.
_COUNT = """
    SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
"""
_SETTLE_S = 3.0
_OWN = 3


def statements_per_second(seconds: float) -> float:
    """Statements of all processes together, its own left out."""
    time.sleep(_SETTLE_S)
    began, before = time.monotonic(), _count()
    time.sleep(seconds)
    after = _count()
    return max(0.0, after - before - _OWN) / (time.monotonic() - began)


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_COUNT)
        return int(cursor.fetchone()[0])
