"""Recovery: find rows that nobody is looking at and ring for them. It never executes work, so any number may run."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from executions.engine.dispatch import MAX_COUNTDOWN_S, Dispatcher
from executions.engine.rows.claims import FREE_PLACES_SQL, HOLDS_PLACE_SQL, TERMINAL_SQL
from executions.engine.rows.turns import HELD_BACK_EXIST, SHARE, followers_of_all
from executions.states import FINAL_BRANCH, BranchStatus
from julep_project.core.database import fetch
from julep_project.core.work import rings
from julep_project.core.work.figures import MOST, Figures

NAME = "executions.sweep"
_BATCH = 500

_SHORTEST_S = 0.001

_NOT_RUNG = "(b.rung_at IS NULL OR b.rung_at < now() - make_interval(secs => %(lately)s))"

# A timer's time is near, and no message with a countdown is under way: one was sent if the time was near then already.
_SOON = """b.wake_at > now() AND b.wake_at <= now() + make_interval(secs => %(ahead)s)
           AND (b.rung_at IS NULL OR b.rung_at < b.wake_at - make_interval(secs => %(countdown)s))"""

# A timer was rung for before its time, so only a ring after it counts.
_OVERDUE = f"b.wake_at <= now() AND (b.rung_at < b.wake_at OR {_NOT_RUNG})"

_TIMED = "b.status IN ('sleeping', 'awaiting_input')"
_CALLING = "b.status = 'calling' AND (b.lease_until IS NULL OR b.lease_until < now())"


@dataclass(frozen=True, slots=True)
class _Search:
    """What a row looks like that has to be looked at; each condition has a partial index of its own."""

    kind: str
    due: str
    order: str = "b.rung_at NULLS FIRST"
    effects: bool = False


_SEARCHES = (
    _Search("ready", f"b.status = 'ready' AND {_NOT_RUNG}"),
    _Search("abandoned", f"b.status = 'running' AND b.lease_until < now() AND {_NOT_RUNG}"),
    _Search("timed", f"{_TIMED} AND {_OVERDUE}"),
    _Search("calling", f"{_CALLING} AND (b.wake_at IS NULL AND {_NOT_RUNG} OR {_OVERDUE})", effects=True),
    _Search("timed soon", f"{_TIMED} AND {_SOON}", "b.wake_at"),
    _Search("calling soon", f"{_CALLING} AND {_SOON}", "b.wake_at", effects=True),
)

# No message is known for it: none was sent since it waits for one.
_IS_NEW = "coalesce(b.rung_at < greatest(b.wake_at, b.lease_until), b.rung_at IS NULL)"

# More messages than in a queue that counts as full need not be compared with rows.
_MOST_COMPARED = 1000

# Of each developer as many as its share go with the rows of others, and the rest behind them. Materialized: as a
# condition, the search might be run once for each row of the table, each time for other rows.
_RING = f"""
    WITH found AS MATERIALIZED (
        SELECT b.id, e.developer_id, {_IS_NEW} AS is_new, row_number() OVER (ORDER BY {{order}}) AS at
        FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
        WHERE {{due}} AND e.status NOT IN ({TERMINAL_SQL})
        ORDER BY {{order}} LIMIT %(room)s + least(%(waiting)s, {_MOST_COMPARED})
    ), placed AS (
        SELECT id, developer_id, at, is_new, row_number() OVER (PARTITION BY developer_id ORDER BY at) AS turn,
               row_number() OVER (PARTITION BY is_new ORDER BY at) AS place,
               count(*) OVER (PARTITION BY is_new) AS alike
        FROM found
    ), chosen AS MATERIALIZED (
        SELECT id, developer_id, turn FROM placed
        WHERE is_new OR turn <= {rings.AGAIN} OR place <= alike - %(waiting)s ORDER BY turn, at LIMIT %(room)s
    ), due AS MATERIALIZED (
        SELECT b.id FROM executions_branch b
        WHERE b.id = ANY (ARRAY(SELECT id FROM chosen)) AND {{due}} FOR UPDATE OF b SKIP LOCKED
    )
    UPDATE executions_branch b SET rung_at = now() FROM due JOIN chosen USING (id) WHERE b.id = due.id
    RETURNING b.id, greatest(extract(epoch FROM b.wake_at - now())::float, 0),
              chosen.turn > {SHARE.format(developer="chosen.developer_id")}
"""

# Spares those that wait for children under way, which are most, the counting of places.
_HAS_PENDING = "EXISTS (SELECT FROM executions_branch c WHERE c.parent_id = b.id AND c.status = 'pending')"

# Maps with a free place and a child to put into it: a lane was lost, or waits in the queue. Only so many are rung for
# as there is room; the last of them may get fewer lanes than it has places. Where as many messages wait as there are
# places, each map is given one.
_RING_LANES = f"""
    WITH free AS MATERIALIZED (
        SELECT b.id, b.rung_at, place.count,
               NOT EXISTS (
                   SELECT FROM executions_branch c
                   WHERE c.parent_id = b.id AND c.status IN ('joining', {HOLDS_PLACE_SQL})
               ) AS is_idle
        FROM executions_branch b CROSS JOIN LATERAL (SELECT {FREE_PLACES_SQL} AS count) AS place
        WHERE b.status = 'joining' AND {_NOT_RUNG} AND {_HAS_PENDING} AND place.count > 0
        ORDER BY b.rung_at NULLS FIRST LIMIT %(room)s FOR UPDATE OF b SKIP LOCKED
    ), lost AS (
        SELECT sum(count) - %(waiting)s AS lanes, count(*) AS maps FROM free
    ), wanted AS (
        SELECT id, rung_at, is_idle, CASE WHEN lost.lanes > lost.maps THEN count ELSE 1 END AS lanes,
               least(%(room)s, greatest(lost.lanes, lost.maps)) AS most
        FROM free CROSS JOIN lost
    ), shared AS (
        SELECT id, is_idle, least(lanes, most - (sum(lanes) OVER (ORDER BY rung_at NULLS FIRST, id) - lanes)) AS lanes
        FROM wanted
    )
    UPDATE executions_branch b SET rung_at = now() FROM shared WHERE b.id = shared.id AND shared.lanes > 0
    RETURNING b.id, shared.lanes::int, shared.is_idle
"""


_DUE_EXISTS = f"""
    EXISTS (SELECT FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
            WHERE {{due}} AND e.status NOT IN ({TERMINAL_SQL}))
"""
_LANES_EXIST = f"EXISTS (SELECT FROM executions_branch b WHERE b.status = 'joining' AND {_NOT_RUNG} AND {_HAS_PENDING})"


def sweep(dispatcher: Dispatcher) -> dict[str, int]:
    """Ring for every row that is due or soon will be, at most a batch of each kind. Returns how many were rung."""
    rung: Counter[str] = Counter()
    kinds = _looks()
    if not kinds:
        return {}
    engine, io = _Queue.seen(dispatcher, "engine"), _Queue.seen(dispatcher, "io")
    for search in [search for search in _SEARCHES if search.kind in kinds]:
        ring, queue = (dispatcher.effect, io) if search.effects else (dispatcher.advance, engine)
        for branch_id, delay_s, is_surplus in _due_branches(search, queue):
            rung[search.kind] += 1
            ring(branch_id, delay_s=delay_s, is_surplus=is_surplus)
    for branch_id in followers_of_all(engine.room) if "held back" in kinds else ():
        rung["held back"] += 1
        dispatcher.advance(branch_id, is_surplus=True)
    for parent_id, lanes, is_idle in _free_lanes(engine) if "lanes" in kinds else ():
        rung["lanes"] += lanes
        for lane in range(lanes):
            # A run of which nothing is at work does not wait for what others have in surplus.
            dispatcher.lane(parent_id, is_surplus=lane > 0 or not is_idle)
    return dict(rung)


def _looks() -> set[str]:
    """Kinds of which a row has to be looked at. One statement: an installation without work should cost little."""
    conditions = [_DUE_EXISTS.format(due=search.due) for search in _SEARCHES]
    [found] = fetch(f"SELECT {', '.join([*conditions, _LANES_EXIST, HELD_BACK_EXIST])}", _parameters())
    names = [*(search.kind for search in _SEARCHES), "lanes", "held back"]
    return {name for name, exists in zip(names, found, strict=True) if exists}


def _parameters() -> dict[str, Any]:
    return {
        "lately": settings.RING_AGAIN_SECONDS,
        "ahead": min(settings.SWEEP_SECONDS + 1, MAX_COUNTDOWN_S),
        "countdown": MAX_COUNTDOWN_S,
    }


@dataclass(frozen=True, slots=True)
class _Queue:
    """How many messages wait in a queue, and how many a sweep may add."""

    waiting: int
    room: int

    @classmethod
    def seen(cls, dispatcher: Dispatcher, name: str) -> "_Queue":
        waiting = dispatcher.backlog(name)
        return cls(waiting, rings.room(waiting, _BATCH))

    @property
    def parameters(self) -> dict[str, int]:
        """For statements that choose what to ring for."""
        return {"waiting": self.waiting, "room": self.room}


def _due_branches(search: _Search, queue: _Queue) -> Iterator[tuple[UUID, float, bool]]:
    """Branches to ring for, in how many seconds from the moment each is given, and whether it is surplus."""
    given = {**_parameters(), **queue.parameters, "share": settings.TENANT_SHARE}
    rows = fetch(_RING.format(due=search.due, order=search.order), given)
    read = time.monotonic()
    for branch_id, left_s, is_surplus in rows:
        # Sending the others takes its time too; what was not due yet keeps some delay, and so the slack of a countdown.
        yield branch_id, max(left_s - (time.monotonic() - read), _SHORTEST_S) if left_s else 0.0, is_surplus


def _free_lanes(queue: _Queue) -> list[tuple[UUID, int, bool]]:
    """Maps, how many lanes each is given, and whether none of its children is at work."""
    return fetch(_RING_LANES, {"lately": settings.RING_AGAIN_SECONDS, **queue.parameters})


# Since when each row that has to be looked at is due; rows under a lease or before their time are not. Children that
# nobody takes, though they might start, make their parent one of them: since anything last happened to it or to them.
_WAITING = f"""
    SELECT b.id, CASE b.status
        WHEN 'ready' THEN b.updated_at
        WHEN 'running' THEN b.lease_until
        WHEN 'calling' THEN coalesce(b.lease_until, b.wake_at, b.updated_at)
        ELSE b.wake_at END AS due
    FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE b.status IN ('ready', 'running', 'calling', 'sleeping', 'awaiting_input') AND e.status NOT IN ({TERMINAL_SQL})
    UNION ALL
    SELECT b.id, greatest(b.updated_at, (SELECT max(c.updated_at) FROM executions_branch c WHERE c.parent_id = b.id))
    FROM executions_branch b WHERE b.status = 'joining' AND {_HAS_PENDING} AND {FREE_PLACES_SQL} > 0
"""
_OLDEST = f"""
    SELECT id, extract(epoch FROM now() - due) FROM ({_WAITING}) AS waiting WHERE due <= now() ORDER BY due LIMIT 1
"""


def oldest_due() -> tuple[UUID, float] | None:
    """The row that has waited longest for a worker, and for how many seconds."""
    rows = fetch(_OLDEST)
    return (rows[0][0], float(rows[0][1])) if rows else None


# Since Redis is not asked for each slice, claims are not counted.
_RUNNING = f"""
    SELECT count(*) FROM (
        SELECT FROM executions_branch WHERE status IN ('running', 'calling') AND lease_until > now() LIMIT {MOST}
    ) AS found
"""
_DUE = f"SELECT count(*) FROM (SELECT FROM ({_WAITING}) AS waiting WHERE due <= now() LIMIT {MOST}) AS found"


def figures() -> Figures:
    """How branches stand that need a worker."""
    oldest = oldest_due()
    [(due, running)] = fetch(f"SELECT ({_DUE}), ({_RUNNING})")
    return Figures(due=due, oldest_s=0.0 if oldest is None else oldest[1], running=running)


# Of each status apart and as a constant, so that each has its index: many may sleep, and more have ended.
_COUNTED = sorted(set(BranchStatus) - FINAL_BRANCH - {BranchStatus.PENDING})
_BY_STATUS = "SELECT " + ", ".join(
    f"(SELECT count(*) FROM (SELECT FROM executions_branch WHERE status = '{status}' LIMIT {MOST}) AS found)"
    for status in _COUNTED
)
_LATE_TIMER = """
    SELECT coalesce(extract(epoch FROM now() - min(b.wake_at))::float, 0)
    FROM executions_branch b WHERE b.status IN ('sleeping', 'awaiting_input') AND b.wake_at <= now()
"""


def branches_by_status() -> dict[str, int]:
    """How many branches stand at each status but the final ones, at most `MOST` of each. Children that wait for a
    place are not counted."""
    [counts] = fetch(_BY_STATUS)
    return dict(zip((status.value for status in _COUNTED), counts, strict=True))


def late_timer_s() -> float:
    """For how long the first of all timers that are due has been; 0 when none is."""
    [(late_s,)] = fetch(_LATE_TIMER)
    return float(late_s)
