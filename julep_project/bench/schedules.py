"""Many schedules whose time comes in the same second: how long it takes until each has begun its run, and how late."""

import time
from typing import Any

from django.db import connection

from executions.models import Execution
from executions.schedules.models import Schedule
from julep_project.bench import programs
from julep_project.bench.table import Row, percentile
from julep_project.core.database import execute, fetch

# Far enough off for all rows to be written before.
_AHEAD_S = 5.0
_POLL_S = 0.05
_LONGEST_S = 600

# Each a little later than the one before, all within one second.
_INSERT = """
    INSERT INTO schedules_schedule (id, developer_id, name, target, task_id, pin, timing, jitter, input, overlap,
                                    catch_up, catch_up_window, metadata, state, failures, next_nominal, due_at)
    SELECT gen_random_uuid(), %(developer)s, 'bench ' || n, 'task', %(task)s, 'latest',
           jsonb_build_object('every', 86400, 'timezone', 'UTC', 'anchor', to_json(at)), 0, '{"n": 0}', 'skip',
           'one', 86400, '{}', 'active', 0, at, at
    FROM generate_series(1, %(count)s) AS n
    CROSS JOIN LATERAL (SELECT %(base)s + make_interval(secs => n / %(count)s::float) AS moment) AS spread
    CROSS JOIN LATERAL (SELECT date_trunc('milliseconds', moment) AS at) AS nominal
"""
_LATE = """
    SELECT extract(epoch FROM started_at - nominal)::float FROM schedules_occurrence o
    WHERE o.schedule_id IN (SELECT id FROM schedules_schedule WHERE task_id = %(task)s)
"""
_BEGUN = """
    SELECT count(*) FROM schedules_occurrence o JOIN executions_execution e ON e.id = o.execution_id
    WHERE e.task_id = %(task)s
"""
_SETTLED = "SELECT count(*) FROM schedules_occurrence o WHERE o.state = 'done' AND o.is_settled"


def measure(count: int) -> list[Row]:
    """(s) So many schedules that are due within one second."""
    task = programs.light_steps(1)
    [(base,)] = fetch("SELECT now() + make_interval(secs => %s)", [_AHEAD_S])
    given = {"developer": task.developer_id, "task": task.pk, "count": count, "base": base}
    execute(_INSERT, given)
    execute("ANALYZE schedules_schedule")
    begun_s = _seconds_until(_BEGUN, given, count)
    late = [seconds for (seconds,) in fetch(_LATE, given)]
    ended_s = _seconds_until(_SETTLED, given, count)
    Schedule.objects.filter(task=task).delete()
    Execution.objects.filter(task=task).delete()
    connection.close()
    name = f"{count:,} schedules due in a second"
    return [
        Row("s", f"{name}: until all have begun their runs", begun_s, "s", aim="at most 10 s"),
        Row("s", f"{name}: late by, p99", percentile(late, 99), "s"),
        Row("s", f"{name}: begun too early", float(sum(seconds < 0 for seconds in late)), "", aim="none"),
        Row("s", f"{name}: until all runs have ended and are known to have", ended_s, "s"),
    ]


def _seconds_until(statement: str, given: dict[str, Any], count: int) -> float:
    """From the moment the last of them is due, by the clock of the database.

    Raises:
        RuntimeError: it takes too long.
    """
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        [(found,)] = fetch(statement, given)
        if found >= count:
            [(seconds,)] = fetch("SELECT extract(epoch FROM now() - %s)::float - 1", [given["base"]])
            return max(float(seconds), 0.0)
        time.sleep(_POLL_S)
    raise RuntimeError(f"{found} of {count} schedules came so far in {_LONGEST_S} s")
