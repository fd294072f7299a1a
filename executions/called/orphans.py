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
_ORPHANS = f"""
    SELECT e.developer_id, e.id FROM executions_execution e JOIN executions_branch b ON b.id = e.called_by
    JOIN executions_execution c ON c.id = b.execution_id
    WHERE e.called_by IS NOT NULL AND e.status IN ('queued', 'starting', 'running', 'awaiting_input')
      AND (b.status IN ({_FINAL}) OR c.status IN ({TERMINAL_SQL}))
    LIMIT %s
"""


def cancel_orphans() -> int:
    """End runs whose caller has ended, or the branch of it that waited; how many."""
    found = fetch(_ORPHANS, [_AT_ONCE])
    for developer_id, run_id in found:
        with tenant_scope(developer_id), suppress(BadRequest, NotFound):
            developer = Developer.objects.get(pk=developer_id)
            cancel_execution(developer=developer, execution_id=run_id, reason="Nobody waits for this run any more")
    return len(found)
