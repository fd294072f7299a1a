"""Which steps of several runs belong together: those at the same place of the program, of the same turn.

Of runs that took the same rows along, those are left out: they are alike. Of the others so many of each are looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from julep_project.core.database import fetch

MOST_ROWS = 5000

# Whether that row is the same in all: copies keep the scope and the time of theirs.
_IS_SHARED = """
    SELECT count(*) = %(runs)s AND count(DISTINCT (created_at, scope, type, current)) = 1
    FROM executions_transition WHERE execution_id = ANY(%(ids)s::uuid[]) AND seq = %(seq)s
"""
_ROWS = f"""
    SELECT run.number, t.id, t.seq, t.current->>'workflow', (t.current->>'step')::int, t.step_label,
           t.metadata->>'step_type', t.metadata->>'error_type', t.metadata ? 'step_type'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS run(id, number) CROSS JOIN LATERAL (
        SELECT * FROM executions_transition
        WHERE execution_id = run.id AND seq > %(after)s ORDER BY seq LIMIT {MOST_ROWS} + 1
    ) AS t
    ORDER BY run.number, t.seq
"""


@dataclass(frozen=True, slots=True)
class StepRow:
    """The row that ended a step of one run."""

    id: UUID
    seq: int
    workflow: str
    step: int
    label: str | None
    step_type: str | None
    error_type: str | None


@dataclass(slots=True)
class Aligned:
    """A step of the program in one of its turns: by the number of the run, the row that ended it. `turn` counts how
    often a run had come there."""

    workflow: str
    step: int
    turn: int
    rows: dict[int, StepRow] = field(default_factory=dict)

    @property
    def any_row(self) -> StepRow:
        return next(iter(self.rows.values()))


@dataclass(frozen=True, slots=True)
class Alignment:
    """`shared` rows at the beginning are the same in all runs. `is_cut`: there are more steps than were looked at."""

    shared: int
    steps: Sequence[Aligned]
    is_cut: bool


def align(run_ids: Sequence[UUID], counts: Sequence[int]) -> Alignment:
    """The steps of runs that have so many rows."""
    shared = _shared(run_ids, min(counts))
    is_cut, rows = False, []
    seen = dict.fromkeys(range(len(run_ids)), 0)
    for number, *columns, ends_step in fetch(_ROWS, {"ids": list(run_ids), "after": shared}):
        seen[number - 1] += 1
        if seen[number - 1] > MOST_ROWS:
            is_cut = True
        elif ends_step:
            rows.append((number - 1, StepRow(*columns)))
    return Alignment(shared, list(_in_order(rows)), is_cut)


def _shared(run_ids: Sequence[UUID], most: int) -> int:
    """How many rows at the beginning all have. Once one differs, so do all after it."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        values = {"ids": list(run_ids), "runs": len(run_ids), "seq": middle}
        if fetch(_IS_SHARED, values)[0][0]:
            low = middle
        else:
            high = middle - 1
    return low


def _in_order(rows: Sequence[tuple[int, StepRow]]) -> Iterator[Aligned]:
    """The steps as the first run came to them; what only others have stands behind what they did before."""
    found: dict[Any, Aligned] = {}
    following: dict[Any, Any] = {None: None}
    turns: dict[Any, int] = {}
    before: Any = None
    last = -1
    for number, row in rows:
        if number != last:
            before, last, turns = None, number, {}
        place = row.workflow, row.step
        turns[place] = turns.get(place, 0) + 1
        key = *place, turns[place]
        if key not in found:
            found[key] = Aligned(*place, turns[place])
            following[key], following[before] = following[before], key
        found[key].rows[number] = row
        before = key
    key = following[None]
    while key is not None:
        yield found[key]
        key = following[key]
