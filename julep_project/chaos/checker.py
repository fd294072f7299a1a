"""Reads Postgres and the world, nothing else, and says what is not as it must be."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from julep_project.chaos.programs import Program

_TERMINAL = ("finish", "error", "cancelled")

_RUNS = "SELECT id, task_id, status, output::text, error, transition_count FROM executions_execution"
_LOG = "SELECT branch_id, seq, type, current::text FROM executions_transition WHERE execution_id = %s ORDER BY seq"
_OPEN_BRANCHES = """
    SELECT status, count(*) FROM executions_branch
    WHERE execution_id = %s AND status NOT IN ('done', 'failed', 'cancelled') GROUP BY status
"""


@dataclass(frozen=True)
class _Run:
    id: Any
    task_id: Any
    status: str
    output: str | None
    error: str | None
    transition_count: int


def check(
    connection: "psycopg.Connection[Any]", programs: Mapping[str, Program], calls: Mapping[str, Counter[str]]
) -> list[str]:
    """One line per finding. `programs` by task id; `calls` as the world saw them."""
    findings: list[str] = []
    runs_of: Counter[str] = Counter()
    for run in [_Run(*row) for row in connection.execute(_RUNS).fetchall()]:
        program = programs.get(str(run.task_id))
        if program is None:
            findings.append(f"run {run.id}: belongs to no program")
            continue
        runs_of[program.name] += 1
        findings += [f"{program.name} run {run.id}: {line}" for line in _check_run(connection, run, program)]
    for program in programs.values():
        if not runs_of[program.name]:
            findings.append(f"{program.name}: an acknowledged run is gone")
        findings += [f"{program.name}: {line}" for line in _check_calls(program, calls, runs_of[program.name])]
    return findings


def _check_run(connection: "psycopg.Connection[Any]", run: _Run, program: Program) -> Iterator[str]:
    expected = "failed" if program.fails else "succeeded"
    if run.status != expected:
        open_branches = connection.execute(_OPEN_BRANCHES, [run.id]).fetchall()
        yield f"is {run.status}, not {expected} (error {run.error!r}, open branches {open_branches})"
    elif json.loads(run.output or "null") != program.output:
        yield f"gave {run.output}, not {json.dumps(program.output)}"
    rows = connection.execute(_LOG, [run.id]).fetchall()
    if [row[1] for row in rows] != list(range(1, run.transition_count + 1)):
        yield f"the log has a gap or a double: {[row[1] for row in rows]} with counter {run.transition_count}"
    places = Counter((row[0], row[2], row[3]) for row in rows if row[2] != "init_branch")
    for place, count in places.items():
        if count > 1:
            yield f"recorded {count} times: {place[1]} at {place[2]}"
    ends = [row[2] for row in rows if row[2] in _TERMINAL]
    if run.status == expected and (len(ends) != 1 or rows[-1][2] not in _TERMINAL):
        yield f"ends of the log: {ends}"


def _check_calls(program: Program, calls: Mapping[str, Counter[str]], runs: int) -> Iterator[str]:
    """Each run makes each call under one key of its own, however often it is repeated."""
    for call in sorted(program.calls):
        keys = calls.get(call, Counter())
        if len(keys) != runs or "" in keys:
            yield f"call {call} came under {len(keys)} keys in {runs} runs"
