"""One task: its versions, how their runs went, and how long its steps take."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from julep_project.console.queries.rows import Row, rows

LOOKED_BACK = timedelta(days=7)
# Of the newest runs of that time so many are counted.
COUNTED = 5_000
# Steps are timed in so many of the newest runs that ended, of each the first rows of its log.
TIMED = 40
_LOOKED_THROUGH = 2000
_ROWS_OF_RUN = 100
_MOST_STEPS = 200
_MOST_VERSIONS = 50
# JSON text; of a longer program no source is shown.
_LONGEST_SOURCE = 64 * 1024

_VERSIONS = f"""
    (SELECT id, number, created_at FROM tasks_taskversion
     WHERE task_id = %(task)s ORDER BY number DESC LIMIT {_MOST_VERSIONS})
    UNION SELECT id, number, created_at FROM tasks_taskversion WHERE task_id = %(task)s AND number = %(chosen)s
    ORDER BY number DESC
"""
_BY_VERSION = f"""
    SELECT e.task_version_id AS id, count(*) AS runs,
           count(*) FILTER (WHERE e.status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE e.status = 'failed') AS failed,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM e.ended_at - e.created_at)::float8)
               FILTER (WHERE e.status = 'succeeded') AS median,
           max(e.created_at) AS newest
    FROM (SELECT task_version_id, status, created_at, ended_at FROM executions_execution
          WHERE task_id = %s AND created_at >= %s ORDER BY created_at DESC, id DESC LIMIT {COUNTED}) AS e
    GROUP BY 1
"""
_NO_RUNS = {"runs": 0, "succeeded": 0, "failed": 0, "median": None, "newest": None}


def list_versions(task_id: UUID, chosen: int, since: datetime) -> list[Row]:
    """The newest versions of a task and the chosen one, the newest first, with how their runs since then went."""
    counted = {row["id"]: row for row in rows(_BY_VERSION, [task_id, since])}
    versions = rows(_VERSIONS, {"task": task_id, "chosen": chosen})
    found = [{**row, **_NO_RUNS, **counted.get(row["id"], {})} for row in versions]
    return [{**row, "failure_rate": _rate(row)} for row in found]


def _rate(row: Row) -> float | None:
    """Of the runs that ended by themselves those that failed."""
    ended = row["failed"] + row["succeeded"]
    return row["failed"] / ended if ended else None


# A row that took no time has no times.
_STEPS = f"""
    SELECT t.current->>'workflow' AS workflow, (t.current->>'step')::int AS step, max(t.step_label) AS label,
           count(*) AS number, count(*) FILTER (WHERE t.type = 'error') AS failed,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY t.at_work) / 1000 AS at_work,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY t.at_work) / 1000 AS slow,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY t.queued) / 1000 AS queued
    FROM (
        SELECT newest.id FROM (
            SELECT id, task_version_id, status FROM executions_execution
            WHERE task_id = %(task)s AND created_at >= %(since)s
            ORDER BY created_at DESC, id DESC LIMIT {_LOOKED_THROUGH}) AS newest
        WHERE newest.task_version_id = %(version)s AND newest.status IN ('succeeded', 'failed') LIMIT {TIMED}
    ) AS run CROSS JOIN LATERAL (
        SELECT type, current, step_label,
               coalesce((metadata->'t'->>'end')::float8 - (metadata->'t'->>'start')::float8, 0) AS at_work,
               coalesce((metadata->'t'->>'start')::float8 - (metadata->'t'->>'ready')::float8, 0) AS queued
        FROM executions_transition WHERE execution_id = run.id ORDER BY seq LIMIT {_ROWS_OF_RUN}
    ) AS t
    WHERE t.type IN ('step', 'finish_branch', 'finish', 'error')
    GROUP BY 1, 2 ORDER BY t.current->>'workflow' <> 'main', 1, 2 LIMIT {_MOST_STEPS}
"""


def list_steps(task_id: UUID, version_id: UUID, since: datetime) -> list[Row]:
    """Steps of a version in the order in which they stand, with how long they took: half of the time at most
    `at_work`, in nine of ten at most `slow`."""
    return rows(_STEPS, {"task": task_id, "version": version_id, "since": since})


def sources(task_id: UUID, numbers: set[int]) -> dict[int, Any]:
    """The sources of versions by their numbers; None for one that is too long to be shown."""
    found = rows(
        "SELECT number, CASE WHEN length(source::text) <= %s THEN source END AS source FROM tasks_taskversion "
        "WHERE task_id = %s AND number = ANY(%s)",
        [_LONGEST_SOURCE, task_id, list(numbers)],
    )
    return {row["number"]: row["source"] for row in found}
