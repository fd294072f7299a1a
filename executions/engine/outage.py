"""A neighbour that is away (database, file storage, a provider that wants less) is waited for, and no attempt counted.

A claim that met one is handed back: the attempt it began is taken off, and the row says by what it is held up and is
looked at again after a pause.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError

from executions.engine.draft import BEGUN
from executions.engine.rows.claims import TERMINAL_SQL, Claim
from executions.engine.rows.statements import fetch_row
from executions.states import BranchStatus
from julep_project.core.clock import now
from julep_project.core.database import fetch
from julep_project.core.outages import PAUSES, is_waited_out, neighbour_away, when_back
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.work.backoff import Backoff, spread_s

log = logging.getLogger(__name__)

_LONGEST_REASON = 300
# Whoever names a time that is too short again and again is not asked without end: these pauses count for nothing.
_LEAST_PAUSES = Backoff(first_s=0.5, cap_s=10.0)


@dataclass(frozen=True, slots=True)
class HoldUp:
    """By what a branch is held up, in words that follow "waits for", and what it said.

    `wait_s`: how long it asked to be left alone, if it did; `spread_s`: over how long to spread out after that.
    `developer_id`: for whom nothing is done until the developer is switched on again; `pause_id`: what has to be over;
    `run_id`: the run that has to end. `is_planned`: it is as somebody has arranged it, and no trouble. `is_punctual`:
    nobody else was told the time, and it does not last.
    """

    by: str
    error: str
    wait_s: float | None = None
    spread_s: float = 0.0
    developer_id: UUID | None = None
    pause_id: UUID | None = None
    run_id: UUID | None = None
    is_planned: bool = False
    is_punctual: bool = False

    def pause_s(self, times: int) -> float:
        """Seconds to wait when it is met that many times in a row."""
        if self.wait_s is None:
            return PAUSES.pause_s(times)
        wait_s = self.wait_s if self.is_punctual else spread_s(self.wait_s, over_s=self.spread_s)
        return max(wait_s, _LEAST_PAUSES.pause_s(times))


# Changes nothing that counts.
_TOUCH = "UPDATE executions_branch SET rung_at = rung_at WHERE id = %(branch)s RETURNING id"


def hold_up_of(error: BaseException | None, claim: Claim) -> HoldUp | None:
    """What the error that the claim met says of a neighbour's state; None when it says something of the work itself."""
    away = neighbour_away(error)
    if away is not None:
        return HoldUp(*away)
    if isinstance(error, DatabaseError) and is_waited_out(
        error, partial(fetch_row, _TOUCH, {"branch": claim.branch_id})
    ):
        return HoldUp("the database", "it is overloaded")
    return None


# A slice stays `running` under a lease of nobody: whoever finds abandoned rows finds it when the pause is over. The
# keys and counts show that the claim has not been committed after all: then the row belongs to what comes next.
_HAND_BACK_SLICE = """
    UPDATE executions_branch b
    SET attempt = greatest(b.attempt - %(taken_off)s, 0), lease_owner = NULL,
        lease_until = now() + make_interval(secs => %(pause)s), wake_at = now() + make_interval(secs => %(pause)s),
        held_up = %(held_up)s::jsonb || jsonb_build_object('since', coalesce(b.held_up->'since', to_jsonb(now()))),
        rung_at = now(), updated_at = date_trunc('milliseconds', clock_timestamp())
    WHERE b.id = %(branch)s AND b.version = %(version)s AND b.status = 'running'
    RETURNING b.id
"""

# What was planned is not counted as patience with others.
_HAND_BACK_EFFECT = """
    UPDATE executions_branch b
    SET effect = jsonb_set(b.effect, '{attempts}', to_jsonb((b.effect->>'attempts')::int - 1)) || %(begun)s::jsonb,
        lease_owner = NULL, lease_until = NULL, wake_at = now() + make_interval(secs => %(pause)s),
        held_up = %(held_up)s::jsonb || jsonb_build_object('since', coalesce(
            CASE WHEN b.held_up ? 'planned' THEN NULL ELSE b.held_up->'since' END, to_jsonb(now()))),
        rung_at = now(), updated_at = date_trunc('milliseconds', clock_timestamp())
    WHERE b.id = %(branch)s AND b.version = %(version)s AND b.status = 'calling'
      AND b.effect->>'key' = %(key)s AND (b.effect->>'attempts')::int = %(attempts)s
    RETURNING b.id
"""


def hand_back(claim: Claim, hold_up: HoldUp, *, counted: bool = False) -> float | None:
    """Let the branch wait, its attempt not counted; for how many seconds. None: the claim was lost, nothing changed.

    Waits for the database itself, if that is what is away. `counted`: the attempt of a slice counts all the same.
    """
    times = 1 + int((claim.held_up or {}).get("times", 0))
    pause_s = hold_up.pause_s(times)
    described: dict[str, Any] = {
        "by": hold_up.by,
        "error": hold_up.error[:_LONGEST_REASON],
        "times": times,
        "counted": counted,
    }
    if hold_up.developer_id is not None:
        described["developer"] = str(hold_up.developer_id)
    if hold_up.pause_id is not None:
        described["pause"] = str(hold_up.pause_id)
    if hold_up.run_id is not None:
        described["run"] = str(hold_up.run_id)
    if hold_up.is_planned:
        described["planned"] = True
    effect = claim.effect or {}
    parameters: dict[str, Any] = {
        "branch": claim.branch_id,
        "version": claim.version,
        "pause": pause_s,
        "taken_off": 0 if counted else 1,
        "held_up": to_json_text(described),
        "key": effect.get("key"),
        "attempts": effect.get("attempts"),
        "begun": to_json_text({} if hold_up.run_id is None else {BEGUN: str(hold_up.run_id)}),
    }
    sql = _HAND_BACK_EFFECT if claim.held is BranchStatus.CALLING else _HAND_BACK_SLICE
    row = when_back(lambda: fetch_row(sql, parameters))
    # What was said may hold what was sent: the row has it, and `manage.py doctor` shows it.
    told = {name: value for name, value in described.items() if name != "error"}
    level = logging.DEBUG if hold_up.is_planned else logging.WARNING
    log.log(level, "branch held up", extra={"action": "held_up", "branch_id": claim.branch_id, **told})
    if row is None:
        return None
    is_over = hold_up.run_id is not None and fetch_row(
        _WAKE_IF_OVER, {"branch": claim.branch_id, "run": hold_up.run_id}
    )
    return 0.0 if is_over else pause_s


# The run may have ended after the call had looked, and before the branch could be told.
_WAKE_IF_OVER = f"""
    UPDATE executions_branch b SET wake_at = now() FROM executions_execution e
    WHERE b.id = %(branch)s AND b.status = 'calling' AND b.lease_owner IS NULL AND e.id = %(run)s
      AND e.status IN ({TERMINAL_SQL})
    RETURNING b.id
"""


def held_up_for_s(claim: Claim) -> float:
    """How long ago the branch was first held up on its way to what it does now."""
    since = (claim.held_up or {}).get("since")
    return 0.0 if since is None else (now() - datetime.fromisoformat(since)).total_seconds()


_HELD_UP = """
    SELECT b.held_up->>'by', count(*), max(b.held_up->>'error'),
           extract(epoch FROM now() - min((b.held_up->>'since')::timestamptz))
    FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE b.status IN ('running', 'calling') AND b.lease_owner IS NULL AND b.held_up IS NOT NULL
      AND NOT jsonb_exists(b.held_up, 'planned')
      AND e.status NOT IN ('succeeded', 'failed', 'cancelled')
    GROUP BY 1 ORDER BY 2 DESC
"""


def held_up_branches() -> list[tuple[str, int, str, float]]:
    """What branches wait for: by what they are held up, how many, what it last said, and since how many seconds."""
    return [(by, number, error, float(since_s)) for by, number, error, since_s in fetch(_HELD_UP)]
