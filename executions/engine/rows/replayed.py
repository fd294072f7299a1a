"""Rows of a branch's log as whoever finds its place again reads them: without their outputs."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from executions.states import TransitionType
from julep_project.core.database import fetch

# The kind of event that lets a branch find its place.
AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log. `index` counts those of its branch."""

    index: int
    id: UUID
    seq: int
    type: TransitionType
    workflow: str
    step: int
    scope: str
    label: str | None
    step_type: str | None
    error_type: str | None
    caught: bool
    next_workflow: str | None
    next_scope: str | None
    loop: str | None

    @property
    def place(self) -> tuple[str, str, int]:
        return self.workflow, self.scope, self.step

    @property
    def ends_step(self) -> bool:
        """Whether it says that a step has finished: not that it calls a workflow, or has failed."""
        if self.caught or self.type not in (
            TransitionType.STEP,
            TransitionType.FINISH_BRANCH,
            TransitionType.FINISH,
        ):
            return False
        return self.type is not TransitionType.STEP or self.next_scope == self.scope

    @property
    def shown(self) -> str:
        """How failures name the step."""
        return self.label or f"{self.workflow}[{self.step}]"


_COLUMNS = """
    t.id, t.seq, t.type, t.current->>'workflow', (t.current->>'step')::int, t.scope::text, t.step_label,
    t.metadata->>'step_type', t.metadata->>'error_type', coalesce((t.metadata->>'caught')::boolean, false),
    t.next->>'workflow', t.next->>'scope_id', t.loop::text
"""

_OF_BRANCH = f"""
    SELECT {_COLUMNS} FROM executions_transition t
    WHERE t.branch_id = %s AND t.type NOT IN ('wait', 'resume') ORDER BY t.seq
"""

_BELOW = f"""
    WITH RECURSIVE below AS (
        SELECT id FROM executions_branch WHERE parent_id = %(branch)s
        UNION ALL
        SELECT b.id FROM below JOIN executions_branch b ON b.parent_id = below.id
    )
    SELECT {_COLUMNS} FROM below JOIN executions_transition t ON t.branch_id = below.id
"""
_LAST_FAILURE = f"{_BELOW} WHERE t.seq < %(before)s AND t.metadata ? 'caught' ORDER BY t.seq DESC LIMIT 1"
_ENDS = f"""
    {_BELOW} WHERE t.seq < %(before)s AND t.seq > %(after)s AND t.scope = %(scope)s AND t.type = 'finish_branch'
    ORDER BY t.seq DESC
"""

# A body's name in the log has in it where it stands: below which step of which body.
_LABELS_WITHIN = """
    SELECT t.step_label, t.id::text FROM executions_transition t
    WHERE t.execution_id = %(run)s AND t.scope = %(scope)s AND t.seq < %(before)s AND t.step_label IS NOT NULL
      AND position(%(below)s in t.current->>'workflow') > 0
    ORDER BY t.seq
"""


def rows_of_branch(branch_id: UUID) -> list[Row]:
    """Its rows in their order, but for waits and answers: those belong to steps."""
    return [_row(index, columns) for index, columns in enumerate(fetch(_OF_BRANCH, [branch_id]))]


def last_failure_below(branch_id: UUID, *, before: int) -> Row | None:
    """The last failure before a row that a branch below this one has handed to it."""
    found = fetch(_LAST_FAILURE, {"branch": branch_id, "before": before})
    return _row(-1, found[0]) if found else None


def ends_below(branch_id: UUID, scope: str, *, after: int, before: int) -> list[Row]:
    """Ends of bodies of one call of a workflow in the branches below this one, between two rows; the last one first."""
    values = {"branch": branch_id, "scope": scope, "after": after, "before": before}
    return [_row(-1, columns) for columns in fetch(_ENDS, values)]


def labels_within(execution_id: UUID, place: tuple[str, str, int], *, before: int) -> dict[str, str]:
    """Rows by the labels of steps that were finished in bodies of the step at this place; of one label the last."""
    workflow, scope, step = place
    values = {"run": execution_id, "scope": scope, "before": before, "below": f"`{workflow}`[{step}]."}
    return dict(fetch(_LABELS_WITHIN, values))


def _row(index: int, columns: Any) -> Row:
    id_, seq, type_, *rest = columns
    return Row(index, id_, seq, TransitionType(type_), *rest)
