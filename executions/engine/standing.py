"""Nothing is done for a developer that is switched off: its runs are held up, and go on when it is switched on again.

Neither a slice nor a call begins then, and no attempt is counted; what is under way ends, and is recorded.
"""

from agents.access.developers import find_developer
from agents.access.errors import InvalidUserAccount
from executions.engine.outage import HoldUp
from executions.engine.rows.claims import Claim
from julep_project.core.database import execute
from julep_project.core.tenancy import system_scope

# Who is switched on again is looked for; this is for what that misses.
_LOOK_AGAIN_S = 900.0
_BATCH = 500

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
    """Make due what was held up by developers that are switched on again; how many branches."""
    return execute(_GO_ON, {"batch": _BATCH})
