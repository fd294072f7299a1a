"""Lets calls go on that waited for somebody to sign in: as soon as it is told, and by a sweep that looks for itself."""

from agents.connections.calling import key_of
from agents.connections.errors import ConnectionRefused
from agents.connections.models import Connection, ConnectionStatus
from agents.connections.services import when_settled
from agents.tools.signing_in import CONNECTION
from executions.actions.settling import WAITS, go_on, settle
from executions.engine.draft import WAITS_FOR
from julep_project.core.database import fetch
from julep_project.core.tenancy import system_scope

_AT_ONCE = 500
# Those that had looked before the connection was settled, or whose connection is gone: they ask anew.
_FROM = f"""
    FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
    LEFT JOIN connections_connection c ON c.developer_id = e.developer_id
         AND c.id = CASE WHEN b.effect->'{WAITS_FOR}'->>'action' = '{CONNECTION}'
                         THEN substr(b.effect->'{WAITS_FOR}'->>'key', {len(CONNECTION) + 2})::uuid END
    WHERE {WAITS} AND b.effect->'{WAITS_FOR}'->>'action' = '{CONNECTION}'
      AND (c.id IS NULL OR c.turn > (b.effect->'{WAITS_FOR}'->>'seen')::bigint)
"""
_FOUND = f"""
    SELECT e.developer_id, b.execution_id, b.wait_id, c.status, c.problem {_FROM} ORDER BY b.updated_at LIMIT {_AT_ONCE}
"""


@when_settled
def let_go_on(connection: Connection) -> None:
    """Let go on what waits for it, if only just now somebody has signed in, or has refused to."""
    failure = _failure(connection.status, connection.problem)
    go_on(connection.developer_id, key_of(connection), state=connection.turn, failure=failure)


@system_scope()
def sweep() -> int:
    """Let go on what nobody told; how many."""
    found = fetch(_FOUND)
    return sum(
        settle([(developer_id, run_id, wait_id, CONNECTION)], _failure(status or "", problem or ""))
        for developer_id, run_id, wait_id, status, problem in found
    )


def _failure(status: str, problem: str) -> ConnectionRefused | None:
    return ConnectionRefused(problem) if status == ConnectionStatus.REFUSED else None
