"""How much Postgres writes for every step of a run that carries a large value."""

import time

from django.db import connection

from julep_project.bench import programs
from julep_project.bench.table import Row

_SIZES = {"a small": 10, "a 200 KiB": 200 * 1024, "an 8 MiB": 8 * 1024 * 1024 - 1024}
_SETTLED_S = 0.5


def measure(calls: int) -> list[Row]:
    """KiB of write-ahead log per call of a loop, for inputs of several sizes."""
    with programs.InstantServer() as server:
        task = programs.looped_calls(server.url, calls)
        rows = []
        for name, size in _SIZES.items():
            # Not the same letter again and again: that would be compressed to nothing.
            text = programs.incompressible(size)
            before = _written()
            programs.seconds_to_end(task, {"text": text})
            time.sleep(_SETTLED_S)
            each = (_written() - before) / calls / 1024
            rows.append(Row("k", f"loop of {calls} HTTP calls, {name} input: written", each, "KiB/call", aim="flat"))
    return rows


def _written() -> int:
    """Bytes of write-ahead log since the database was made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        return int(cursor.fetchone()[0])
