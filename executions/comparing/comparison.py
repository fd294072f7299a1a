"""Several runs beside each other: how each ended and what it took, and a page of their steps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from agents.models import Developer
from executions.comparing.alignment import Aligned, align
from executions.comparing.usage import Usage, usage_of_runs, usage_of_steps
from executions.models import TIMES, Execution
from executions.states import TERMINAL_EXECUTION
from julep_project.core.clock import now
from julep_project.core.database import fetch
from julep_project.core.errors import BadRequest, NotFound

FEWEST_RUNS, MOST_RUNS = 2, 6
MOST_STEPS = 100
# No log has more.
MOST_ROWS_IN_LOG = 2**31 - 1
# Characters of a value that are told.
LONGEST_VALUE = 4096

# A value in the storage is known by its digest, and is not fetched.
_VALUE = """
    CASE WHEN b.name IS NULL THEN left({value}::text, {most}) ELSE '' END,
    coalesce(b.size, octet_length({value}::text)), coalesce(b.digest, md5({value}::text)), b.name IS NOT NULL
"""
_STORED = """
    LEFT JOIN executions_blob b ON jsonb_typeof({value}) = 'object' AND b.name = {value}->>'$blob'
        AND {value} - '$blob' = '{{}}'
"""
_OUTPUTS_OF_RUNS = f"""
    SELECT e.id, {_VALUE.format(value="e.output", most=LONGEST_VALUE)}
    FROM executions_execution e {_STORED.format(value="e.output")}
    WHERE e.id = ANY(%(ids)s::uuid[]) AND e.output IS NOT NULL
"""
_ROWS = f"""
    SELECT t.execution_id, t.seq, t.id, t.step_label, t.metadata->>'step_type', t.metadata->>'error_type',
           t.metadata->'{TIMES}', {_VALUE.format(value="t.output", most=LONGEST_VALUE)}
    FROM unnest(%(ids)s::uuid[], %(seqs)s::int[]) AS wanted(id, seq)
    JOIN executions_transition t ON t.execution_id = wanted.id AND t.seq = wanted.seq
    {_STORED.format(value="t.output")}
"""


@dataclass(frozen=True, slots=True)
class Told:
    """The beginning of a value as JSON text; nothing of one that lies in the storage. `digest` is the same for the
    same value."""

    text: str
    size: int
    digest: str
    is_stored: bool

    @property
    def is_cut(self) -> bool:
        return self.is_stored or len(self.text) == LONGEST_VALUE


@dataclass(frozen=True, slots=True)
class RunColumn:
    """One of the runs. `is_same`: it has ended as the first one did."""

    run: Execution
    output: Told | None
    usage: Usage
    is_same: bool

    @property
    def length(self) -> timedelta:
        """From its beginning to its end, or until now."""
        is_ended = self.run.status in TERMINAL_EXECUTION
        end = (self.run.ended_at or self.run.updated_at) if is_ended else now()
        return end - self.run.created_at

    @property
    def name(self) -> str:
        """What it is called among the variants of its fork."""
        return str((self.run.variant or {}).get("name") or "")


@dataclass(frozen=True, slots=True)
class Cell:
    """What a step gave in one run. `is_same`: as in the first run that has it. `seconds`: of its calls, or its own."""

    row_id: UUID
    seq: int
    output: Told
    error_type: str | None
    is_same: bool
    seconds: float | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step, with a cell for each run; None where it was not come to."""

    step: Aligned
    label: str | None
    step_type: str | None
    cells: Sequence[Cell | None]

    @property
    def is_same(self) -> bool:
        """Whether all runs have done it alike."""
        return all(cell is not None and cell.is_same for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`shared` rows at the beginning of the logs are the same in all. `count` steps are in the part of the logs that is
    `after` so many rows; `further` rows are before the next part."""

    columns: Sequence[RunColumn]
    lines: Sequence[StepLine]
    shared: int
    count: int
    after: int
    further: int | None


def compare_runs(runs: Sequence[Execution], *, after: int = 0, offset: int = 0, limit: int = MOST_STEPS) -> Comparison:
    """Compare runs, of one tenant or with the scope of all; a page of the steps in a part of their logs."""
    ids = [run.pk for run in runs]
    outputs = {run_id: Told(*told) for run_id, *told in fetch(_OUTPUTS_OF_RUNS, {"ids": ids})}
    usage = usage_of_runs(ids)
    columns = [
        RunColumn(run, outputs.get(run.pk), usage.get(run.pk, Usage()), _end(run, outputs) == _end(runs[0], outputs))
        for run in runs
    ]
    found = align(ids, [run.transition_count for run in runs], after)
    page = found.steps[offset : offset + limit]
    return Comparison(columns, _lines(page, ids), found.shared, len(found.steps), found.after, found.further)


def _end(run: Execution, outputs: Mapping[UUID, Told]) -> tuple[str, str | None, str | None]:
    return run.status, outputs[run.pk].digest if run.pk in outputs else None, run.error


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    label: str | None
    step_type: str | None
    error_type: str | None
    times: Mapping[str, Any]
    output: Told


def _lines(page: Sequence[Aligned], run_ids: Sequence[UUID]) -> list[StepLine]:
    rows = _rows(page, run_ids)
    # Attempts of the version before had no keys.
    calls = ((row.id, call) for row in rows.values() for call in row.times.get("calls", ()))
    usage = usage_of_steps(run_ids, {call[3]: row_id for row_id, call in calls if len(call) > 3})
    lines = []
    for step in page:
        # A run may be removed meanwhile.
        known = {number: rows[key] for number, seq in step.seqs.items() if (key := (run_ids[number], seq)) in rows}
        first = next((known[number] for number in sorted(known)), None)
        if first is None:
            continue
        cells: list[Cell | None] = [None] * len(run_ids)
        for number, row in known.items():
            is_same, seconds = row.output.digest == first.output.digest, _seconds(row.times)
            spent = usage.get(row.id, Usage())
            cells[number] = Cell(row.id, step.seqs[number], row.output, row.error_type, is_same, seconds, spent)
        lines.append(StepLine(step, first.label, first.step_type, cells))
    return lines


def _rows(page: Sequence[Aligned], run_ids: Sequence[UUID]) -> dict[tuple[UUID, int], _Row]:
    wanted = [(run_ids[number], seq) for step in page for number, seq in step.seqs.items()]
    values = {"ids": [run_id for run_id, _ in wanted], "seqs": [seq for _, seq in wanted]}
    found = {}
    for run_id, seq, row_id, label, step_type, error_type, times, *told in fetch(_ROWS, values):
        found[run_id, seq] = _Row(row_id, label, step_type, error_type, json.loads(times or "{}"), Told(*told))
    return found


def _seconds(times: Mapping[str, Any]) -> float | None:
    """A row that took no time says nothing of it."""
    if "start" not in times:
        return None
    spans = times.get("calls") or [[times["start"], times["end"]]]
    return float(max(span[1] for span in spans) - min(span[0] for span in spans)) / 1000


def runs_to_compare(developer: Developer, *, ids: Sequence[UUID] = (), fork_id: UUID | None = None) -> list[Execution]:
    """The runs with these ids in that order, or the variants of a fork behind the run that they do again, as many as
    are compared at once.

    Raises:
        BadRequest: they are too few, or too many. NotFound: one is not there, or no fork.
    """
    rows = Execution.objects.for_developer(developer).defer("input", "output", "state")
    if fork_id is not None:
        variants = list(rows.filter(fork_id=fork_id).order_by("created_at", "id")[:MOST_RUNS])
        if not variants:
            raise NotFound(f"Fork {fork_id} not found")
        source = rows.filter(pk=variants[0].retried_from)
        return [*source, *sorted(variants, key=_index)][:MOST_RUNS]
    wanted = list(dict.fromkeys(ids))
    if not FEWEST_RUNS <= len(wanted) <= MOST_RUNS:
        raise BadRequest(f"Between {FEWEST_RUNS} and {MOST_RUNS} runs are compared at once")
    found = {run.pk: run for run in rows.filter(pk__in=wanted)}
    for run_id in wanted:
        if run_id not in found:
            raise NotFound(f"Execution {run_id} not found")
    return [found[run_id] for run_id in wanted]


def _index(run: Execution) -> int:
    return int((run.variant or {}).get("index", 0))
