"""The log of a branch as whoever finds its place again reads it: a window at a time, and without outputs."""

from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from executions.models import OF_WAIT, PERSON
from executions.states import TransitionType
from julep_project.core.database import fetch

# The kind of event that lets a branch find its place.
AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log."""

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

# Rows that are read at once, of a branch that has more than are read at the beginning.
_WINDOW = 2000

# Waits and answers belong to steps.
_IN_LOG = "t.type NOT IN ('wait', 'resume')"
_OF_BRANCH = f"""
    SELECT {_COLUMNS} FROM executions_transition t
    WHERE t.branch_id = %(branch)s AND t.seq > %(after)s AND {_IN_LOG}
"""
_FIRST_ROWS = f"SELECT * FROM ({_OF_BRANCH} LIMIT {_WINDOW} + 1) AS t ORDER BY seq"
# Most rows of the run are its own then: they are met in the order of the run's log, whatever the planner thinks.
_WINDOW_OF_RUN = f"""
    WITH rows AS MATERIALIZED (
        SELECT * FROM executions_transition
        WHERE execution_id = %(run)s AND seq > %(after)s ORDER BY seq LIMIT {_WINDOW}
    )
    SELECT (SELECT max(seq) FROM rows), {_COLUMNS}
    FROM (SELECT 1) AS one LEFT JOIN rows AS t ON t.branch_id = %(branch)s AND {_IN_LOG} ORDER BY t.seq
"""
# Found by its index, however far it is.
_END_IN_WORKFLOW = f"""
    SELECT {_COLUMNS} FROM executions_transition t
    WHERE t.execution_id = %(run)s AND t.scope = %(scope)s AND t.position = %(step)s AND t.branch_id = %(branch)s
      AND t.current->>'workflow' = %(workflow)s AND t.seq > %(after)s
"""
_END_OF_STEP = f"""
    {_OF_BRANCH} AND t.scope = %(scope)s AND t.current->>'workflow' = %(workflow)s
      AND (t.current->>'step')::int = %(step)s AND t.type IN ('step', 'finish_branch', 'finish')
      AND NOT t.metadata ? 'caught' AND (t.type <> 'step' OR t.next->>'scope_id' = t.scope::text)
    ORDER BY t.seq LIMIT 1
"""
_TURN = f"""
    {_OF_BRANCH} AND t.loop IS NOT NULL AND t.scope = %(scope)s AND t.current->>'workflow' = %(workflow)s
    ORDER BY t.seq LIMIT 1
"""
_BEFORE = f"""
    SELECT {_COLUMNS} FROM executions_transition t
    WHERE t.branch_id = %(branch)s AND t.seq < %(seq)s AND {_IN_LOG} ORDER BY t.seq DESC LIMIT 1
"""
_AT = f"SELECT {_COLUMNS} FROM executions_transition t WHERE t.execution_id = %(run)s AND t.seq = %(seq)s"

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
    WHERE t.execution_id = %(run)s AND t.scope = %(scope)s AND t.seq > %(after)s AND t.seq < %(before)s
      AND t.step_label IS NOT NULL
      AND position(%(below)s in t.current->>'workflow') > 0
    ORDER BY t.seq
"""


# What was answered since the last wait of the branch.
_ANSWERED = f"""
    SELECT t.metadata->>'{OF_WAIT}' FROM executions_transition t
    WHERE t.branch_id = %(branch)s AND t.seq < %(before)s AND t.type = 'resume' AND t.metadata ? '{PERSON}'
      AND t.seq > (SELECT max(seq) FROM executions_transition
                   WHERE branch_id = %(branch)s AND seq < %(before)s AND type = 'wait')
    LIMIT 1
"""


def answered_wait(branch_id: UUID, *, before: int) -> str | None:
    """The wait that somebody had answered, before a row that says it was given up."""
    found = fetch(_ANSWERED, {"branch": branch_id, "before": before})
    return str(found[0][0]) if found else None


class BranchLog:
    """The rows of a branch behind the one that was `passed` last: in their order, and read when they are come to."""

    def __init__(self, execution_id: UUID, branch_id: UUID, *, passed: int = 0, is_long: bool = False) -> None:
        """`is_long`: it is known to have more rows than are read at the beginning."""
        self.passed = passed
        self.is_long = is_long
        self._values = {"run": execution_id, "branch": branch_id}
        self._rows: deque[Row] = deque()
        # How far the log was read: to its end, if nothing.
        self._read_to: int | None = passed

    def following(self) -> Row | None:
        """The next row; None at the end."""
        while not self._rows and self._read_to is not None:
            self._read_on(self._read_to)
        return self._rows[0] if self._rows else None

    def pass_over(self, row: Row) -> None:
        """Go on behind this row, which is the next one or one behind it."""
        self.passed = row.seq
        while self._rows and self._rows[0].seq <= row.seq:
            self._rows.popleft()
        if self._read_to is not None:
            self._read_to = max(self._read_to, row.seq)

    def end_of(self, place: tuple[str, str, int], *, in_workflow: bool) -> Row | None:
        """The row that says that the step at this place has finished, if it is still to come. `in_workflow`: it is a
        step of a workflow itself."""
        self.following()
        found = next((row for row in self._rows if row.ends_step and row.place == place), None)
        workflow, scope, step = place
        statement = _END_IN_WORKFLOW if in_workflow else _END_OF_STEP
        return found or self._further(statement, workflow=workflow, scope=scope, step=step)

    def turn_of(self, workflow: str, scope: str) -> Row | None:
        """The next row that ended a turn of a loop whose body has this name."""
        self.following()
        alike = (row for row in self._rows if row.loop and (row.workflow, row.scope) == (workflow, scope))
        return next(alike, None) or self._further(_TURN, workflow=workflow, scope=scope)

    def before(self, row: Row) -> Row | None:
        """The row of the branch before another."""
        return self._one(_BEFORE, seq=row.seq)

    def at(self, seq: int) -> Row:
        """The row with this number, which is there."""
        row = self._one(_AT, seq=seq)
        assert row is not None
        return row

    def _further(self, statement: str, **values: Any) -> Row | None:
        """A row behind those that were read."""
        return None if self._read_to is None else self._one(statement, after=self._read_to, **values)

    def _one(self, statement: str, **values: Any) -> Row | None:
        found = fetch(statement, {**self._values, **values})
        return _row(found[0]) if found else None

    def _read_on(self, after: int) -> None:
        values = {**self._values, "after": after}
        if not self.is_long:
            found = [_row(columns) for columns in fetch(_FIRST_ROWS, values)]
            if len(found) <= _WINDOW:
                self._rows.extend(found)
                self._read_to = None
                return
            self.is_long = True
        told = fetch(_WINDOW_OF_RUN, values)
        self._read_to = told[0][0]
        self._rows.extend(_row(columns) for _, *columns in told if columns[0] is not None)


def last_failure_below(branch_id: UUID, *, before: int) -> Row | None:
    """The last failure before a row that a branch below this one has handed to it."""
    found = fetch(_LAST_FAILURE, {"branch": branch_id, "before": before})
    return _row(found[0]) if found else None


def ends_below(branch_id: UUID, scope: str, *, after: int, before: int) -> list[Row]:
    """Ends of bodies of one call of a workflow in the branches below this one, between two rows; the last one first."""
    values = {"branch": branch_id, "scope": scope, "after": after, "before": before}
    return [_row(columns) for columns in fetch(_ENDS, values)]


def labels_within(execution_id: UUID, place: tuple[str, str, int], *, after: int, before: int) -> dict[str, str]:
    """Rows by the labels of steps that were finished in bodies of the step at this place, between these two rows; of
    one label the last."""
    workflow, scope, step = place
    values = {"run": execution_id, "scope": scope, "after": after, "before": before, "below": f"`{workflow}`[{step}]."}
    return dict(fetch(_LABELS_WITHIN, values))


def _row(columns: Any) -> Row:
    id_, seq, type_, *rest = columns
    return Row(id_, seq, TransitionType(type_), *rest)
