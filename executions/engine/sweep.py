"""Recovery: find rows that nobody is looking at and ring for them. It never executes work, so any number may run."""

from collections import Counter
from uuid import UUID

from django.conf import settings
from django.db import connection

from executions.engine.dispatch import Dispatcher
from executions.states import TERMINAL_EXECUTION

HEARTBEAT = "sweep"
_BATCH = 500

# A queue this long means that its workers are behind, not that messages were lost: more of them would only add to it.
# A few are sent all the same, for the rows that were rung least lately.
_FULL = 1000
_BATCH_WHEN_FULL = 25

_NOT_RUNG = "(b.rung_at IS NULL OR b.rung_at < now() - make_interval(secs => %(lately)s))"

# What a row looks like that has to be looked at; each condition has a partial index of its own. A sleeper was rung
# when it fell asleep, so only a ring after its time counts.
_DUE = {
    "ready": f"b.status = 'ready' AND {_NOT_RUNG}",
    "abandoned": f"b.status = 'running' AND b.lease_until < now() AND {_NOT_RUNG}",
    "timed": f"""b.status IN ('sleeping', 'awaiting_input') AND b.wake_at <= now()
                 AND (b.rung_at < b.wake_at OR {_NOT_RUNG})""",
    "calling": f"""b.status = 'calling' AND (b.lease_until IS NULL OR b.lease_until < now())
                   AND (b.wake_at IS NULL AND {_NOT_RUNG}
                        OR b.wake_at <= now() AND (b.rung_at < b.wake_at OR {_NOT_RUNG}))""",
}

_RING = """
    UPDATE executions_branch SET rung_at = now() WHERE id IN (
        SELECT b.id FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
        WHERE {due} AND e.status NOT IN ({terminal})
        ORDER BY b.rung_at NULLS FIRST LIMIT %(batch)s FOR UPDATE OF b SKIP LOCKED)
    RETURNING id
"""

# Maps with a free place and a child to put into it: a lane was lost.
_FREE_LANES = """
    SELECT p.id, least(p.parallelism - (SELECT count(*) FROM executions_branch a
                                        WHERE a.parent_id = p.id AND a.status IN ('ready', 'running', 'calling')),
                       (SELECT count(*) FROM executions_branch c WHERE c.parent_id = p.id AND c.status = 'pending'))
    FROM executions_branch p
    WHERE p.status = 'joining' AND (p.rung_at IS NULL OR p.rung_at < now() - make_interval(secs => %(lately)s))
      AND EXISTS (SELECT 1 FROM executions_branch c WHERE c.parent_id = p.id AND c.status = 'pending')
    LIMIT %(batch)s
"""


def sweep(dispatcher: Dispatcher) -> dict[str, int]:
    """Ring for every row that is due, at most a batch of each kind. Returns how many of each were rung."""
    rung: Counter[str] = Counter()
    engine, io = _room(dispatcher, "engine"), _room(dispatcher, "io")
    for kind, due in _DUE.items():
        ring, room = (dispatcher.effect, io) if kind == "calling" else (dispatcher.advance, engine)
        for branch_id in _due_branches(due, room):
            rung[kind] += 1
            ring(branch_id)
    for parent_id, free in _free_lanes(engine):
        rung["lanes"] += free
        for _ in range(free):
            dispatcher.lane(parent_id)
    return dict(rung)


def _room(dispatcher: Dispatcher, queue: str) -> int:
    return max(_BATCH_WHEN_FULL, min(_BATCH, _FULL - dispatcher.backlog(queue)))


def _due_branches(due: str, batch: int) -> list[UUID]:
    terminal = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL_EXECUTION))
    with connection.cursor() as cursor:
        parameters = {"lately": settings.RING_AGAIN_SECONDS, "batch": batch}
        cursor.execute(_RING.format(due=due, terminal=terminal), parameters)
        return [row[0] for row in cursor.fetchall()]


def _free_lanes(batch: int) -> list[tuple[UUID, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_FREE_LANES, {"lately": settings.RING_AGAIN_SECONDS, "batch": batch})
        return [(parent, free) for parent, free in cursor.fetchall() if free > 0]
