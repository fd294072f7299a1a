"""Schedules of all developers, and what became of their times."""

from typing import Any
from uuid import UUID

from julep_project.console.queries.rows import Row, rows

_SCHEDULES = """
    SELECT s.id, s.name, s.target, s.task_id, t.name AS task, s.session_id, s.state, s.paused_reason, s.paused_by,
           s.paused_at, s.failures, s.max_failures, s.timing, s.starts_at, s.ends_at, s.jitter, s.overlap, s.catch_up,
           s.catch_up_window, s.pin, s.version_number, s.due_at, s.created_at, s.developer_id, d.email AS developer,
           CASE WHEN s.state <> 'paused' THEN s.next_nominal END AS next_nominal
    FROM schedules_schedule s
    JOIN agents_developer d ON d.id = s.developer_id LEFT JOIN tasks_task t ON t.id = s.task_id
"""
_OCCURRENCES = """
    SELECT o.id, o.nominal, o.source, o.state, o.reason, o.execution_id, o.started_at, o.ended_at, o.created_at
    FROM schedules_occurrence o WHERE o.schedule_id = %(schedule)s ORDER BY o.created_at DESC, o.id DESC
    LIMIT %(limit)s
"""


def list_schedules(*, state: str | None, after: UUID | None, limit: int) -> list[Row]:
    """Schedules, the newest first: their ids are in the order of time."""
    found = [text for text, given in (("s.id < %(after)s", after), ("s.state = %(state)s", state)) if given]
    where = f"WHERE {' AND '.join(found)}" if found else ""
    parameters = {"after": after, "state": state, "limit": limit}
    return [_told(row) for row in rows(f"{_SCHEDULES} {where} ORDER BY s.id DESC LIMIT %(limit)s", parameters)]


def get_schedule(schedule_id: UUID) -> Row | None:
    """One of them."""
    found = rows(f"{_SCHEDULES} WHERE s.id = %s", [schedule_id])
    return _told(found[0]) if found else None


def list_occurrences(schedule_id: UUID, limit: int) -> list[Row]:
    """What became of its newest times."""
    return rows(_OCCURRENCES, {"schedule": schedule_id, "limit": limit})


def _told(row: Row) -> dict[str, Any]:
    timing = row["timing"]
    kind = next((name for name in ("cron", "every", "once", "calendar") if timing.get(name) is not None), "")
    said = timing.get(kind, "")
    times = {"every": f"every {said} s", "calendar": f"{len(said) if kind == 'calendar' else 0} times"}.get(kind, said)
    by = row["paused_by"] or {}
    return {**row, "times": f"{times}", "zone": timing.get("timezone", ""), "who": by.get("name") or by.get("kind", "")}
