"""Occurrences whose runs were removed before they ended, so that the database could not tell them."""

from executions.schedules.ticking.reasons import GONE
from julep_project.core.database import execute
from julep_project.core.tenancy import system_scope

_SETTLE = """
    UPDATE schedules_occurrence SET state = 'cancelled', reason = %(reason)s, ended_at = now(),
        updated_at = date_trunc('milliseconds', now())
    WHERE id = ANY (ARRAY(
        SELECT o.id FROM schedules_occurrence o
        WHERE o.state = 'started' AND o.target = 'task' AND o.execution_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM executions_execution e WHERE e.id = o.execution_id)
        LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""


@system_scope()
def settle_lost() -> int:
    """Let their schedules go on; how many there were."""
    return execute(_SETTLE, {"reason": GONE})
