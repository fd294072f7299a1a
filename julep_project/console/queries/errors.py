"""Runs that failed by the same fault, as groups."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from executions.operating.faults import NEW, marks_of, standing
from executions.operating.models import FaultMark
from julep_project.console.queries.rows import Row, rows

# Of the newest failed runs so many are put into groups.
LOOKED_AT = 20_000
MOST_GROUPS = 100
BARS = 24
_MOST_RUNS = 50_000
# All runs of a longer time are too many to be counted.
_LONGEST_COUNTED = timedelta(days=1)

_FAILED = f"""
    SELECT e.id, e.task_id, e.task_version_id, e.error, e.ended_at, coalesce(e.error_step, '') AS step,
           coalesce(e.error_type, '') AS type, coalesce(e.error_hash, '') AS fault
    FROM executions_execution e
    WHERE e.status = 'failed' AND e.ended_at >= %(since)s AND e.ended_at < %(until)s
    ORDER BY e.ended_at DESC, e.id DESC LIMIT {LOOKED_AT}
"""
_GROUPS = f"""
    SELECT task_id, fault, step, type, count(*) AS number, min(ended_at) AS first, max(ended_at) AS last,
           array_agg(DISTINCT task_version_id) AS versions, (array_agg(id ORDER BY ended_at DESC))[1] AS newest,
           left((array_agg(error ORDER BY ended_at DESC))[1], 500) AS message
    FROM ({_FAILED}) AS failed
    GROUP BY task_id, fault, step, type ORDER BY number DESC, last DESC LIMIT {MOST_GROUPS}
"""
_BARS = f"""
    SELECT task_id, fault, width_bucket(extract(epoch FROM ended_at), extract(epoch FROM %(since)s::timestamptz),
                                        extract(epoch FROM %(until)s::timestamptz), {BARS}) AS bar, count(*) AS number
    FROM ({_FAILED}) AS failed GROUP BY 1, 2, 3
"""
_TASKS = "SELECT id, name FROM tasks_task WHERE id = ANY(%s)"
_VERSIONS = "SELECT id, number FROM tasks_taskversion WHERE id = ANY(%s)"
_RUNS = f"""
    SELECT task_id, count(*) AS number FROM (
        SELECT task_id FROM executions_execution WHERE created_at >= %(since)s AND created_at < %(until)s
        ORDER BY created_at DESC LIMIT {_MOST_RUNS}) AS begun
    WHERE task_id = ANY(%(tasks)s) GROUP BY 1
"""


def error_groups(since: datetime, until: datetime) -> list[Row]:
    """Groups of failed runs of a span of time, the largest first."""
    span = {"since": since, "until": until}
    groups = rows(_GROUPS, span)
    tasks = list({group["task_id"] for group in groups})
    names = {row["id"]: row["name"] for row in rows(_TASKS, [tasks])}
    numbers = _numbers([version for group in groups for version in group["versions"]])
    begun: dict[UUID, int] = {}
    if until - since <= _LONGEST_COUNTED:
        begun = {row["task_id"]: row["number"] for row in rows(_RUNS, {**span, "tasks": tasks})}
    bars = _bars(span)
    marks = marks_of([(group["task_id"], group["fault"]) for group in groups if group["fault"]])
    return [
        {
            **group,
            **_standing(group, versions, marks),
            "task": names.get(group["task_id"], ""),
            "versions": versions,
            "share": min(group["number"] / begun[group["task_id"]], 1.0) if group["task_id"] in begun else None,
            "bars": bars.get((group["task_id"], group["fault"]), [0] * BARS),
        }
        for group in groups
        for versions in [sorted(numbers.get(version, 0) for version in group["versions"])]
    ]


def _standing(group: Row, versions: list[int], marks: Mapping[tuple[UUID, str], FaultMark]) -> Row:
    """What was decided about it, as far as that still counts."""
    mark = marks.get((group["task_id"], group["fault"]))
    state = standing(mark, last=group["last"], version=versions[-1])
    if mark is None or state == NEW:
        return {"state": state, "until": None, "by": ""}
    return {"state": state, "until": mark.until, "by": mark.made_by}


def _numbers(versions: list[UUID]) -> dict[UUID, int]:
    return {row["id"]: row["number"] for row in rows(_VERSIONS, [list(set(versions))])}


def _bars(span: dict[str, datetime]) -> dict[tuple[Any, str], list[int]]:
    found: dict[tuple[Any, str], list[int]] = {}
    for row in rows(_BARS, span):
        found.setdefault((row["task_id"], row["fault"]), [0] * BARS)[min(row["bar"], BARS) - 1] += row["number"]
    return found


# Counted no further.
_MANY = 1000


def failed_alike(fault: str, since: datetime) -> int:
    """How many runs failed by this fault since then."""
    counted = (
        "SELECT count(*) AS number FROM (SELECT FROM executions_execution "
        "WHERE error_hash = %s AND ended_at >= %s LIMIT %s) AS alike"
    )
    number: int = rows(counted, [fault, since, _MANY])[0]["number"]
    return number
