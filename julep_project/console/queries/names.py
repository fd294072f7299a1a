"""Names that the expressions of a step could read, with what they stood for: as the log has it, without the values."""

from typing import Any
from uuid import UUID

from executions.models import Transition
from julep_project.console.queries.log import row_before
from julep_project.console.queries.rows import Row, rows

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
