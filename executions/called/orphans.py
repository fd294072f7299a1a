"""Runs for which no call waits any more: they cost, and their output is for nobody."""

from contextlib import suppress

from agents.models import Developer
from executions.engine.rows.claims import TERMINAL_SQL
from executions.services import cancel_execution
from executions.states import FINAL_BRANCH
from julep_project.core.database import fetch
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.tenancy import tenant_scope

_AT_ONCE = 500
_FINAL = ", ".join(f"'{status.value}'" for status in sorted(FINAL_BRANCH))
# Of a caller that was removed, the id of the run it was is left. What a chat began waits for nobody.
_ORPHANS = f"""
    SELECT e.developer_id, e.id FROM executions_execution e
    LEFT JOIN executions_branch b ON b.id = e.called_by
    LEFT JOIN executions_execution c ON c.id = coalesce(b.execution_id, e.callers[1])
    WHERE e.called_by IS NOT NULL AND e.status IN ('queued', 'starting', 'running', 'awaiting_input')
      AND (b.status IN ({_FINAL}) OR (b.id IS NOT NULL AND c.status IN ({TERMINAL_SQL}))
           OR (b.id IS NULL AND e.callers IS NOT NULL AND c.id IS NULL
               AND NOT EXISTS (SELECT FROM chat_sessions_session s WHERE s.id = e.called_by)))
    LIMIT %s
"""


def cancel_orphans() -> int:
    """End runs whose caller has ended or was removed, or the branch of it that waited; how many."""
    found = fetch(_ORPHANS, [_AT_ONCE])
    for developer_id, run_id in found:
        with tenant_scope(developer_id), suppress(BadRequest, NotFound):
            developer = Developer.objects.get(pk=developer_id)
            cancel_execution(developer=developer, execution_id=run_id, reason="Nobody waits for this run any more")
    return len(found)
