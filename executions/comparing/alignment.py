"""Which steps of several runs belong together: those at the same place of the program, of the same turn.

Of runs that took the same rows along, those are left out: they are alike. Of those behind them so many of each run are
looked at, at once; what is behind these is another part.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from julep_project.core.database import fetch

MOST_ROWS = 2000

# Whether that row is the same in all: copies keep the scope and the time of theirs.
_IS_SHARED = """
    SELECT count(*) = %(runs)s AND count(DISTINCT (created_at, scope, type, current)) = 1
    FROM executions_transition WHERE execution_id = ANY(%(ids)s::uuid[]) AND seq = %(seq)s
"""
_ROWS = """
    SELECT run.number, t.seq, t.current->>'workflow', (t.current->>'step')::int, t.metadata ? 'step_type'
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS run(id, number) CROSS JOIN LATERAL (
        SELECT * FROM executions_transition
        WHERE execution_id = run.id AND seq > %(after)s ORDER BY seq LIMIT %(most)s + 1
    ) AS t
    ORDER BY run.number, t.seq
"""


@dataclass(slots=True)
class Aligned:
    """A step of the program in one of its turns: by the number of the run, the row of its log that ended it. `turn`
    counts how often a run had come there, in this part."""

    workflow: str
    step: int
    turn: int
    seqs: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alignment:
    """`shared` rows at the beginning are the same in all runs. This part is of the rows `after` so many, and `further`
    is how many are before the next part, if there is one."""

    shared: int
    after: int
    further: int | None
    steps: Sequence[Aligned]


def align(run_ids: Sequence[UUID], counts: Sequence[int], after: int = 0) -> Alignment:
    """The steps of runs that have so many rows, in the part `after` some of them."""
    shared = _shared(run_ids, min(counts))
    begin = max(after, shared)
    rows: list[tuple[int, int, str, int]] = []
    seen = [0] * len(run_ids)
    for number, seq, workflow, step, ends_step in fetch(
        _ROWS, {"ids": list(run_ids), "after": begin, "most": MOST_ROWS}
    ):
        seen[number - 1] += 1
        if ends_step and seen[number - 1] <= MOST_ROWS:
            rows.append((number - 1, seq, workflow, step))
    further = begin + MOST_ROWS if max(seen) > MOST_ROWS else None
    return Alignment(shared, begin, further, list(_in_order(rows)))


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


def _in_order(rows: Sequence[tuple[int, int, str, int]]) -> Iterator[Aligned]:
    """The steps as the first run came to them; what only others have stands behind what they did before."""
    found: dict[Any, Aligned] = {}
    following: dict[Any, Any] = {None: None}
    turns: dict[Any, int] = {}
    before: Any = None
    last = -1
    for number, seq, workflow, step in rows:
        if number != last:
            before, last, turns = None, number, {}
        place = workflow, step
        turns[place] = turns.get(place, 0) + 1
        key = workflow, step, turns[place]
        if key not in found:
            found[key] = Aligned(*key)
            following[key], following[before] = following[before], key
        found[key].seqs[number] = seq
        before = key
    key = following[None]
    while key is not None:
        yield found[key]
        key = following[key]
