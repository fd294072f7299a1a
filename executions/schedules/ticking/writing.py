"""Writes how many schedules stand, and what became of their times, in one statement each.

Of each column an array: a statement with a parameter for each value takes longer to be read than to be carried out.
"""

from collections.abc import Sequence

from executions.schedules.models import Occurrence, Schedule
from julep_project.core.database import execute
from julep_project.core.reading.jsontext import to_json_text

# `updated_at` tells of what clients change or would notice, not of each time that has come.
_WRITE = """
    UPDATE schedules_schedule s
    SET next_nominal = new.next_nominal, due_at = new.due_at, failures = new.failures,
        paused_reason = new.paused_reason, paused_by = new.paused_by::jsonb, paused_at = new.paused_at,
        updated_at = CASE WHEN s.state = new.state THEN s.updated_at ELSE date_trunc('milliseconds', now()) END,
        state = new.state
    FROM ROWS FROM (
        unnest(%(id)s::uuid[]), unnest(%(next_nominal)s::timestamptz[]), unnest(%(due_at)s::timestamptz[]),
        unnest(%(failures)s::int[]), unnest(%(paused_reason)s::text[]), unnest(%(paused_by)s::text[]),
        unnest(%(paused_at)s::timestamptz[]), unnest(%(state)s::text[])
    ) AS new(id, next_nominal, due_at, failures, paused_reason, paused_by, paused_at, state)
    WHERE s.id = new.id
"""
_PLAIN = ("next_nominal", "due_at", "failures", "paused_reason", "paused_at", "state")


def write_schedules(schedules: Sequence[Schedule]) -> None:
    """Write where these stand, whose rows are locked."""
    if not schedules:
        return
    columns = {name: [getattr(each, name) for each in schedules] for name in _PLAIN}
    by = [None if each.paused_by is None else to_json_text(each.paused_by) for each in schedules]
    execute(_WRITE, {"id": [each.pk for each in schedules], **columns, "paused_by": by})


_OCCURRENCE = {
    "id": "uuid",
    "developer_id": "uuid",
    "schedule_id": "uuid",
    "nominal": "timestamptz",
    "source": "text",
    "target": "text",
    "state": "text",
    "reason": "text",
    "input": "jsonb",
    "execution_id": "uuid",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
    "is_settled": "boolean",
    "due_at": "timestamptz",
}
_NAMES = ", ".join(_OCCURRENCE)
_ADD = f"""
    INSERT INTO schedules_occurrence ({_NAMES}, version, attempts)
    SELECT {_NAMES}, 0, 0
    FROM ROWS FROM ({", ".join(f"unnest(%({name})s::{kind}[])" for name, kind in _OCCURRENCE.items())})
        AS new({_NAMES})
"""


def add_occurrences(occurrences: Sequence[Occurrence]) -> None:
    """Store new ones."""
    if not occurrences:
        return
    columns = {name: [getattr(each, name) for each in occurrences] for name in _OCCURRENCE}
    columns["input"] = [None if given is None else to_json_text(given) for given in columns["input"]]
    execute(_ADD, columns)
