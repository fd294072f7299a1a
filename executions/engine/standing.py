"""Nothing is done for a developer that is switched off, nor of what is paused: such runs are held up, and go on when
the developer is switched on again, and the pause is lifted or over.

Neither a slice nor a call begins then, and no attempt is counted; what is under way ends, and is recorded.
"""

from agents.access.developers import find_developer
from agents.access.errors import InvalidUserAccount
from executions.engine.outage import HoldUp
from executions.engine.rows.claims import Claim
from executions.states import BranchStatus
from julep_project.core.database import execute
from julep_project.core.pauses.models import PauseScope
from julep_project.core.pauses.standing import Standing, in_force, pause_of
from julep_project.core.tenancy import system_scope

# Who is switched on again is looked for; this is for what that misses.
_LOOK_AGAIN_S = 900.0
_BATCH = 2000

# By one step of an index for each developer that has branches held up, however many those are.
_GO_ON = """
    WITH RECURSIVE held(developer) AS (
        (SELECT held_up->>'developer' FROM executions_branch WHERE held_up ? 'developer'
         ORDER BY held_up->>'developer' LIMIT 1)
        UNION ALL
        SELECT (SELECT b.held_up->>'developer' FROM executions_branch b
                WHERE b.held_up ? 'developer' AND b.held_up->>'developer' > held.developer
                ORDER BY b.held_up->>'developer' LIMIT 1)
        FROM held WHERE held.developer IS NOT NULL
    ), due AS MATERIALIZED (
        SELECT b.id FROM held
        JOIN agents_developer d ON d.id = held.developer::uuid AND d.active
        JOIN executions_branch b ON b.held_up ? 'developer' AND b.held_up->>'developer' = held.developer
        WHERE b.status IN ('running', 'calling') AND b.lease_owner IS NULL AND b.wake_at > now()
        LIMIT %(batch)s FOR UPDATE OF b SKIP LOCKED
    )
    UPDATE executions_branch b
    SET wake_at = now(), rung_at = NULL,
        lease_until = CASE b.status WHEN 'running' THEN now() ELSE b.lease_until END
    FROM due WHERE b.id = due.id
"""


# Likewise for each pause that has branches held up.
_GO_ON_AFTER_PAUSES = """
    WITH RECURSIVE held(pause) AS (
        (SELECT held_up->>'pause' FROM executions_branch WHERE held_up ? 'pause' ORDER BY held_up->>'pause' LIMIT 1)
        UNION ALL
        SELECT (SELECT b.held_up->>'pause' FROM executions_branch b
                WHERE b.held_up ? 'pause' AND b.held_up->>'pause' > held.pause ORDER BY b.held_up->>'pause' LIMIT 1)
        FROM held WHERE held.pause IS NOT NULL
    ), over AS MATERIALIZED (
        SELECT held.pause FROM held LEFT JOIN pauses_pause p
            ON p.id = held.pause::uuid AND p.lifted_at IS NULL AND (p.until IS NULL OR p.until > now())
        WHERE held.pause IS NOT NULL AND p.id IS NULL
    ), due AS MATERIALIZED (
        SELECT b.id FROM over JOIN executions_branch b ON b.held_up ? 'pause' AND b.held_up->>'pause' = over.pause
        WHERE b.status IN ('running', 'calling') AND b.lease_owner IS NULL AND b.wake_at > now()
        LIMIT %(batch)s FOR UPDATE OF b SKIP LOCKED
    )
    UPDATE executions_branch b
    SET wake_at = now(), rung_at = NULL,
        lease_until = CASE b.status WHEN 'running' THEN now() ELSE b.lease_until END
    FROM due WHERE b.id = due.id
"""


ANY_HELD_UP = """
    (EXISTS (SELECT FROM executions_branch WHERE held_up ? 'developer')
        OR EXISTS (SELECT FROM executions_branch WHERE held_up ? 'pause'))
"""


def hold_up_before(claim: Claim) -> HoldUp | None:
    """What keeps a claimed slice or call from being begun; None when nothing does."""
    return _hold_up_of_pause(claim) or hold_up_of_developer(claim)


def hold_up_of(pause: Standing, by: str) -> HoldUp:
    """How a pause holds up a branch."""
    return HoldUp(by, pause.reason, wait_s=_LOOK_AGAIN_S, spread_s=_LOOK_AGAIN_S, pause_id=pause.id)


def _hold_up_of_pause(claim: Claim) -> HoldUp | None:
    if not in_force():
        return None
    queue = "io" if claim.held is BranchStatus.CALLING else "engine"
    pause = pause_of(PauseScope.QUEUE, queue)
    if pause is not None:
        return hold_up_of(pause, f"the end of a pause of the queue {queue}")
    pause = pause_of(PauseScope.TASK, str(claim.run.version.task_id))
    return None if pause is None else hold_up_of(pause, "the end of a pause of its task")


def hold_up_of_developer(claim: Claim) -> HoldUp | None:
    """What holds up all that is the developer's; None when it is in good standing."""
    try:
        developer = find_developer(claim.run.developer_id)
    except InvalidUserAccount:
        # Its runs went with it.
        return None
    if developer.active:
        return None
    return HoldUp(
        "its developer",
        "it is switched off",
        wait_s=_LOOK_AGAIN_S,
        spread_s=_LOOK_AGAIN_S,
        developer_id=claim.run.developer_id,
    )


@system_scope()
def let_go_on() -> int:
    """Make due what was held up by developers that are switched on again, and by pauses that are over; how many."""
    return sum(execute(statement, {"batch": _BATCH}) for statement in (_GO_ON, _GO_ON_AFTER_PAUSES))
