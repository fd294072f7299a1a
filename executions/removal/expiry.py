"""Removes runs that are too old, from their parts to the row itself.

Runs that have ended never change, so none of them is locked meanwhile. Should it be killed on the way, a run has lost
part of its log and is gone after the next pass; of its values none is removed before the row is that could refer to
it, and `blobs.prune_blobs` knows those that are left then.
"""

from typing import Any
from uuid import UUID

from agents.calls.removal import forget_calls
from agents.retention.kinds import Expired, Kind
from agents.retention.pace import Pace
from executions import blobs
from executions.states import TERMINAL_EXECUTION
from julep_project.core.database import fetch

# Their parts are removed together.
_AT_ONCE = 100

# By creation first: for that there is an index.
_ENDED = """
    SELECT id FROM executions_execution
    WHERE developer_id = %(developer)s AND created_at < %(before)s AND updated_at < %(before)s AND status IN ({ended})
"""
_DUE = _ENDED.format(ended=", ".join(f"'{status.value}'" for status in sorted(TERMINAL_EXECUTION)))
_OLDEST = f"{_DUE} ORDER BY created_at LIMIT {_AT_ONCE}"
# Children come after their parents, so the newest branches have none.
_PARTS = (
    """
    DELETE FROM executions_transition WHERE id IN (
        SELECT id FROM executions_transition WHERE execution_id = ANY (%(runs)s)
        ORDER BY execution_id, seq DESC LIMIT %(rows)s) RETURNING id
    """,
    """
    DELETE FROM executions_loopitem WHERE id IN (
        SELECT item.id FROM executions_branch branch JOIN executions_loopitem item ON item.branch_id = branch.id
        WHERE branch.execution_id = ANY (%(runs)s) LIMIT %(rows)s) RETURNING id
    """,
    """
    DELETE FROM executions_branch WHERE id IN (
        SELECT id FROM executions_branch WHERE execution_id = ANY (%(runs)s) ORDER BY id DESC LIMIT %(rows)s)
    RETURNING id
    """,
)
# What other runs of a family of retries refer to becomes that of one of them.
_RUNS = """
    WITH gone AS (
        DELETE FROM executions_execution WHERE id IN (
            SELECT id FROM executions_execution WHERE id = ANY (%(runs)s) LIMIT %(rows)s)
        RETURNING id, coalesce(values_of, id) AS family
    ), heir AS (
        SELECT gone.id, (
            SELECT e.id FROM executions_execution e
            WHERE (e.values_of = gone.family OR e.id = gone.family) AND e.id <> ALL (%(runs)s) LIMIT 1) AS heir
        FROM gone
    ), handed_on AS (
        UPDATE executions_blob b SET execution_id = heir.heir FROM heir
        WHERE b.execution_id = heir.id AND heir.heir IS NOT NULL AND b.content IS NULL
    )
    SELECT id FROM gone
"""


def remove_runs(run_ids: list[UUID], pace: Pace) -> int:
    """Remove runs that have ended, with all that belongs to them; how many."""
    values: dict[str, Any] = {"runs": run_ids}
    for statement in _PARTS:
        pace.drain(statement, values)
    forget_calls("run", run_ids, pace)
    count = pace.drain(_RUNS, values)
    blobs.forget_runs(run_ids)
    return count


def _remove(expired: Expired, pace: Pace) -> int:
    count = 0
    while run_ids := [run_id for (run_id,) in fetch(_OLDEST, expired.values)]:
        count += remove_runs(run_ids, pace)
    return count


RUNS = Kind("runs", "Runs that have ended, with their logs and values", _DUE, _remove)
