"""Schedules and occurrences as clients see them."""

from datetime import datetime
from itertools import islice
from typing import Any

from executions.schedules.models import Occurrence, Schedule, ScheduleState, Target
from executions.schedules.times.jitter import due_of
from executions.schedules.times.timing import KINDS
from executions.schedules.timings import timing_of
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire

_PLAIN = (
    "name target pin jitter overlap catch_up catch_up_window max_failures metadata state paused_reason paused_by"
    " failures"
).split()


def schedule_to_wire(row: Schedule) -> dict[str, Any]:
    is_task = row.target == Target.TASK
    times = {name: row.timing.get(name) for name in (*KINDS, "time", "timezone")}
    moments = {name: _moment(getattr(row, name)) for name in ("starts_at", "ends_at", "paused_at")}
    # Of one that is paused a time stays behind that is none: it counts anew when it is resumed.
    is_paused = row.state == ScheduleState.PAUSED
    following = {"next_at": row.next_nominal, "next_due_at": row.due_at}
    return {
        **row_to_wire(row, *_PLAIN),
        "task_id": _id(row.task_id),
        "task_version": row.version_number,
        "session_id": _id(row.session_id),
        "input": row.input if is_task else None,
        "message": None if is_task else row.input.get("message"),
        **times,
        **moments,
        **{name: None if is_paused else _moment(moment) for name, moment in following.items()},
    }


def occurrence_to_wire(row: Occurrence) -> dict[str, Any]:
    return {
        **row_to_wire(row, "source", "state", "reason"),
        "schedule_id": str(row.schedule_id),
        "nominal": to_wire(row.nominal),
        "execution_id": _id(row.execution_id),
        "started_at": _moment(row.started_at),
        "ended_at": _moment(row.ended_at),
    }


def preview_to_wire(row: Schedule, since: datetime, count: int) -> dict[str, Any]:
    """The next times behind a moment, whether the schedule is paused or not."""
    times = islice(timing_of(row).after(since), count)
    items = [{"nominal": to_wire(at), "due_at": to_wire(due_of(at, row.pk, row.jitter))} for at in times]
    return {"items": items}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else to_wire(value)


def _id(value: object) -> str | None:
    return None if value is None else str(value)
