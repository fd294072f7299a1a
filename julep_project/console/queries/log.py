"""Rows of a run's timeline, and names that its steps could read: without what steps were given and what they gave."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from executions.models import Transition
from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.standing import open_branches

MOST_ROWS = 1000
_MOST_LIVE = 200

# In the order in which the page reads them.
COLUMNS = (
    "seq",
    "type",
    "branch",
    "workflow",
    "step",
    "label",
    "scope",
    "at",
    "kind",
    "attempts",
    "error",
    "caught",
    "t",
    "calls",
)

_ROWS = """
    SELECT t.seq, t.type, t.branch_id, t.current->>'workflow' AS workflow, (t.current->>'step')::int AS step,
           t.step_label AS label, right(t.scope::text, 12) AS scope, t.created_at,
           t.metadata->>'step_type' AS kind, jsonb_array_length(coalesce(t.metadata->'retries', '[]')) AS retries,
           t.metadata->>'error_type' AS error, (t.metadata->>'caught')::bool AS caught, t.metadata->'t' AS t,
           CASE WHEN t.next->>'scope_id' <> t.scope::text THEN right(t.next->>'scope_id', 12) END AS calls
    FROM executions_transition t
    WHERE t.execution_id = %s AND t.seq > %s ORDER BY t.seq LIMIT %s
"""
# With those above them: the page draws children below the step that made them.
_BRANCHES = """
    WITH RECURSIVE found AS (
        SELECT b.id, b.parent_id, b.index, b.status, b.fork FROM executions_branch b WHERE b.id = ANY(%s)
        UNION
        SELECT p.id, p.parent_id, p.index, p.status, p.fork FROM found
        JOIN executions_branch p ON p.id = found.parent_id
    )
    SELECT * FROM found
"""


def log_rows(execution_id: UUID, after_seq: int, limit: int) -> dict[str, Any]:
    """Rows after a number in the log, as columns, and the branches they belong to."""
    found = rows(_ROWS, [execution_id, after_seq, min(limit, MOST_ROWS)])
    branches = rows(_BRANCHES, [list({row["branch_id"] for row in found})]) if found else []
    return {
        "columns": COLUMNS,
        "rows": [_columns(row) for row in found],
        "branches": {str(branch["id"]): _branch(branch) for branch in branches},
    }


def _columns(row: Row) -> list[Any]:
    told = {**row, "branch": str(row["branch_id"]), "at": _ms(row["created_at"]), "attempts": row["retries"] + 1}
    return [told[name] for name in COLUMNS]


def _branch(branch: Row) -> list[Any]:
    parent = branch["parent_id"]
    return [None if parent is None else str(parent), branch["index"], branch["status"]]


def live_rows(execution_id: UUID, version_id: UUID) -> list[dict[str, Any]]:
    """What is under way, which has no row of its own yet."""
    return [
        {
            "branch": str(branch.id),
            "status": branch.status,
            "label": branch.label,
            "since": _ms(branch.updated_at),
            "attempts": max(branch.attempts, 1),
        }
        for branch in open_branches(execution_id, version_id, may_read=False)[:_MOST_LIVE]
    ]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


# The row before in the same body: its output is what the step was given.
_BEFORE = """
    SELECT t.id FROM executions_transition t
    WHERE t.execution_id = %s AND t.seq < %s AND t.branch_id = %s AND t.scope = %s AND t.current->>'workflow' = %s
      AND t.type <> 'wait'
    ORDER BY t.seq DESC LIMIT 1
"""


def row_before(execution_id: UUID, seq: int, branch_id: UUID, scope: UUID, workflow: str) -> UUID | None:
    """The row whose output was the input of the step that ended with this one."""
    found: Sequence[Row] = rows(_BEFORE, [execution_id, seq, branch_id, scope, workflow])
    return found[0]["id"] if found else None


# Rows around one of another run that its step is looked for in.
_AROUND = 2000
_SAME_STEP = f"""
    SELECT t.id, t.seq FROM executions_transition t
    WHERE t.execution_id = %(run)s AND t.seq BETWEEN %(seq)s - {_AROUND} AND %(seq)s + {_AROUND}
      AND t.current->>'workflow' = %(workflow)s AND t.current->>'step' = %(step)s AND t.metadata ? 'step_type'
    ORDER BY abs(t.seq - %(seq)s), t.seq LIMIT 1
"""


def same_step(run_id: UUID, seq: int, current: Mapping[str, Any]) -> Row | None:
    """The row of a run that ended the step at a place of the program, nearest to where another run had come there."""
    place = {"workflow": current["workflow"], "step": str(current["step"])}
    found: Sequence[Row] = rows(_SAME_STEP, {"run": run_id, "seq": seq, **place})
    return found[0] if found else None


# Of the last steps that had finished.
MOST_STEPS = 100

_TOLD = """
    CASE WHEN b.name IS NULL THEN jsonb_typeof({value}) ELSE 'stored apart' END AS type,
    coalesce(b.size, octet_length({value}::text)) AS size
"""
_APART = "LEFT JOIN executions_blob b ON b.name = {value}->>'$blob' AND {value} - '$blob' = '{{}}'"
_OUTPUT = "CASE WHEN jsonb_typeof(t.output) = 'object' THEN t.output END"
_FINISHED = f"""
    SELECT t.seq, t.position, t.step_label AS label, {_TOLD.format(value="t.output")}
    FROM executions_transition t {_APART.format(value=f"({_OUTPUT})")}
    WHERE t.execution_id = %(run)s AND t.scope = %(scope)s AND t.position IS NOT NULL AND t.seq < %(seq)s
    ORDER BY t.position DESC LIMIT {MOST_STEPS}
"""
_INPUT = f"""
    SELECT {_TOLD.format(value="t.output")}
    FROM executions_transition t {_APART.format(value=f"({_OUTPUT})")} WHERE t.id = %(row)s
"""
_RUN = f"""
    SELECT {_TOLD.format(value="e.input")}, octet_length(e.state::text) AS state_size
    FROM executions_execution e {_APART.format(value="(CASE WHEN jsonb_typeof(e.input) = 'object' THEN e.input END)")}
    WHERE e.id = %(run)s
"""


def finished_steps(row: Transition) -> list[Row]:
    """Steps of the workflow of a row that had finished before it, the last first: what `outputs` and `steps` hold."""
    return rows(_FINISHED, {"run": row.execution_id, "scope": row.scope, "seq": row.seq})


def step_input(row: Transition) -> Row | None:
    """What `_` was: type and size."""
    before = row_before(row.execution_id, row.seq, row.branch_id, row.scope, row.current["workflow"])
    return None if before is None else rows(_INPUT, {"row": before})[0]


def run_values(run_id: UUID) -> dict[str, Any]:
    """Type and size of what the run was given, and the size of its store."""
    return rows(_RUN, {"run": run_id})[0]
