"""Which schedules somebody has to look at, and the right to decide about them: the lock of a schedule's row.

Whoever looks takes those that nobody else is deciding about, so any number may look. A task is kept from being removed
first; one whose row is locked has its turn with the next look.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from executions.schedules.models import Schedule
from julep_project.core.database import fetch

# What is begun together is given so much text at most.
MOST_INPUT = 8_000_000
_DUE = "s.state = 'active' AND s.due_at <= now()"
# Of one that was set aside, `due_at` says until when.
_TO_SETTLE = """
    o.state IN ('done', 'failed', 'cancelled') AND NOT o.is_settled AND (o.due_at IS NULL OR o.due_at <= now())
"""
_READY = "o.state = 'waiting' AND o.due_at <= now()"
_OF_WAITING = f"schedules_occurrence o JOIN schedules_schedule s ON s.id = o.schedule_id AND {_READY}"

_CLAIM_DUE = f"""
    SELECT s.id FROM schedules_schedule s WHERE {_DUE} ORDER BY s.due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
_CLAIM_OTHERS = f"""
    WITH found AS MATERIALIZED (
        (SELECT o.schedule_id FROM schedules_occurrence o WHERE {_TO_SETTLE} LIMIT %(most)s)
        UNION
        (SELECT o.schedule_id FROM {_OF_WAITING} WHERE s.state <> 'paused' ORDER BY o.due_at LIMIT %(most)s)
    )
    SELECT s.id FROM schedules_schedule s WHERE s.id = ANY (ARRAY(SELECT schedule_id FROM found))
    FOR UPDATE SKIP LOCKED
"""
_SIZES = "SELECT id, octet_length(input::text) FROM schedules_schedule WHERE id = ANY (%(ids)s) ORDER BY due_at"
_KEEP_TASKS = "SELECT id FROM tasks_task WHERE id = ANY (%(ids)s::uuid[]) FOR KEY SHARE"
_ANY = f"""
    (EXISTS (SELECT FROM schedules_schedule s WHERE {_DUE})
     OR EXISTS (SELECT FROM schedules_occurrence o WHERE {_TO_SETTLE})
     OR EXISTS (SELECT FROM {_OF_WAITING} WHERE s.state <> 'paused'))
"""
SOON = f"""
    ({_ANY} OR EXISTS (SELECT FROM schedules_schedule s WHERE s.state = 'active'
                       AND s.due_at <= now() + make_interval(secs => %s)))
"""
# Moments that come soon, as parts of a second: a message with a countdown is sent for each.
_LOOK = f"""
    SELECT {_ANY},
           ARRAY(SELECT DISTINCT ceil(extract(epoch FROM s.due_at - now()) * 4)::float / 4
                 FROM schedules_schedule s
                 WHERE s.state = 'active' AND s.due_at > now() AND s.due_at <= now() + make_interval(secs => %(ahead)s))
"""


def look(ahead_s: float) -> tuple[bool, list[float]]:
    """Whether any schedule has to be looked at now, and in how many seconds any will have to be, if that is soon."""
    [(is_due, soon)] = fetch(_LOOK, {"ahead": ahead_s})
    return bool(is_due), sorted(soon)


def claim_schedules(most: int) -> list[Schedule]:
    """So many schedules that have to be looked at, locked until the transaction ends, and so are their tasks."""
    found = {row_id for (row_id,) in fetch(_CLAIM_DUE, {"most": most})}
    if len(found) < most:
        found |= {row_id for (row_id,) in fetch(_CLAIM_OTHERS, {"most": most - len(found)})}
    return _with_tasks(list(Schedule.objects.filter(pk__in=_not_too_large(found))))


def _not_too_large(schedule_ids: Collection[UUID]) -> list[UUID]:
    """Those that are read together: the first one, and others as long as there is room for what they are given."""
    taken: list[UUID] = []
    size = 0
    for schedule_id, its_size in fetch(_SIZES, {"ids": list(schedule_ids)}) if schedule_ids else ():
        size += its_size
        if taken and size > MOST_INPUT:
            break
        taken.append(schedule_id)
    return taken


def claim_schedule(schedule_id: UUID) -> list[Schedule]:
    """The same for this one, if nobody else decides about it just now."""
    rows = Schedule.objects.filter(pk=schedule_id).select_for_update(skip_locked=True)
    return _with_tasks(list(rows))


def _with_tasks(schedules: list[Schedule]) -> list[Schedule]:
    """Those whose tasks stay until the transaction ends."""
    asked = {each.task_id for each in schedules if each.task_id is not None}
    kept = {row_id for (row_id,) in fetch(f"{_KEEP_TASKS} SKIP LOCKED", {"ids": list(asked)})} if asked else set()
    return [each for each in schedules if each.task_id is None or each.task_id in kept]


def keep_tasks(task_ids: Sequence[UUID | None]) -> None:
    """Keep these from being removed until the transaction ends. Call it before their schedules are locked: whoever
    removes a task locks it first."""
    fetch(_KEEP_TASKS, {"ids": [each for each in task_ids if each is not None]})
