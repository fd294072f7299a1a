"""What Postgres does for the installation, from its own counters: statements while nobody wants anything, and what is
written for every step of a run that carries a large value."""

import time

from julep_project.bench import programs
from julep_project.bench.table import Row
from julep_project.core.database import execute, fetch

# Idle statements stand alone, so each is a transaction. The statistics of a connection arrive up to a second late,
# and those of what ran just before must not be counted.
_COUNT = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
_SETTLE_S = 3.0
_OWN = 3
_SIZES = {"a small": 10, "a 200 KiB": 200 * 1024, "an 8 MiB": 8 * 1024 * 1024 - 1024}
_SETTLED_S = 0.5


def statements_per_second(seconds: float) -> float:
    """Statements of all processes together, its own left out."""
    time.sleep(_SETTLE_S)
    began, before = time.monotonic(), _count()
    time.sleep(seconds)
    after = _count()
    return max(0.0, after - before - _OWN) / (time.monotonic() - began)


def measure_written(calls: int) -> list[Row]:
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


def _count() -> int:
    execute("SELECT pg_stat_force_next_flush()")
    execute("SELECT pg_stat_clear_snapshot()")
    return int(fetch(_COUNT)[0][0])


def _written() -> int:
    return int(fetch("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")[0][0])
