"""Reads Postgres and the world, nothing else, and says what is not as it must be."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from julep_project.chaos.scenarios import Scenario

_TERMINAL = ("finish", "error", "cancelled")
_TERMINAL_STATUS = ("succeeded", "failed", "cancelled")

_RUNS = """
    SELECT e.id::text, e.task_id::text, e.status, e.input::text, e.output::text, e.error, e.transition_count,
           c.status, c.id::text
    FROM executions_execution e LEFT JOIN executions_execution c ON c.id = e.callers[1]
"""
_LOG = """
    SELECT branch_id::text, seq, type, current::text || ' -> ' || coalesce(next::text, 'end')
    FROM executions_transition WHERE execution_id = %s ORDER BY seq
"""
_MESSAGES = "SELECT subject_id::text, replace(id::text, '-', ''), type FROM webhooks_message ORDER BY number"
_ENDS = ("execution.succeeded", "execution.failed", "execution.cancelled")
_OPEN_BRANCHES = """
    SELECT status, count(*) FROM executions_branch
    WHERE execution_id = %s AND status NOT IN ('done', 'failed', 'cancelled') GROUP BY status
"""
# An event that one branch took twice, and waits that are left though their runs have ended.
_TAKEN_TWICE = """
    SELECT execution_id::text, metadata->>'event', count(*) FROM executions_transition
    WHERE type = 'resume' AND metadata ? 'event' GROUP BY execution_id, branch_id, metadata->>'event'
    HAVING count(*) > 1
"""
_WAITS_LEFT = """
    SELECT w.execution_id::text, w.name FROM executions_eventwait w
    JOIN executions_execution e ON e.id = w.execution_id WHERE e.status IN ('succeeded', 'failed', 'cancelled')
"""
# What became of each time of a schedule of the task, and whether it was begun before that.
_TIMES = """
    SELECT o.nominal::text, o.state, o.reason, o.execution_id::text, e.status,
           coalesce(o.started_at < o.nominal, false) OR coalesce(e.created_at < o.nominal, false)
    FROM schedules_occurrence o JOIN schedules_schedule s ON s.id = o.schedule_id
    LEFT JOIN executions_execution e ON e.id = o.execution_id
    WHERE s.task_id = %s ORDER BY o.nominal
"""
_TIME_STATES = {"succeeded": "done", "failed": "failed", "cancelled": "cancelled"}


@dataclass
class Promises:
    """What clients were told: runs that were accepted, runs whose cancelling was."""

    accepted: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)


@dataclass
class Seen:
    """What the outside saw: for every call, how often it came under each key; how often each text was asked; the ids
    of messages that the webhook took, in their order."""

    calls: Mapping[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    asked: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    id: str
    task_id: str
    status: str
    input: str
    output: str | None
    error: str | None
    transition_count: int
    callers_status: str | None
    called_by: str | None


def check(
    connection: "psycopg.Connection[Any]", programs: Mapping[str, Scenario], seen: Seen, promises: Promises
) -> list[str]:
    """One line per finding. `programs` by task id."""
    findings: list[str] = []
    runs = [_Run(*row) for row in connection.execute(_RUNS).fetchall()]
    found = {run.id for run in runs}
    findings += [f"run {run_id}: it was accepted and is gone" for run_id in sorted(promises.accepted - found)]
    runs_of: dict[str, list[_Run]] = defaultdict(list)
    for run in runs:
        program = programs.get(run.task_id)
        if program is None:
            findings.append(f"run {run.id}: belongs to no program")
            continue
        runs_of[program.name].append(run)
        findings += [f"{program.name} run {run.id}: {line}" for line in _check_run(connection, run, program, promises)]
    findings += _check_told(connection, runs, seen)
    begun = Counter((run.called_by, run.input) for run in runs if run.called_by)
    doubles = [(caller, given, count) for (caller, given), count in begun.items() if count > 1]
    findings += [f"run {caller}: its call with {given} began {count} runs" for caller, given, count in doubles]
    taken_twice = connection.execute(_TAKEN_TWICE).fetchall()
    findings += [f"run {run_id}: it took event {event} {count} times" for run_id, event, count in taken_twice]
    waits_left = connection.execute(_WAITS_LEFT).fetchall()
    findings += [f"run {run_id}: it has ended, and its wait for {name} is left" for run_id, name in waits_left]
    for program in programs.values():
        if not runs_of[program.name] and not program.is_called:
            findings.append(f"{program.name}: it never ran")
        findings += [f"{program.name}: {line}" for line in _check_calls(program, seen, runs_of[program.name])]
    for task_id, program in programs.items():
        if program.fires:
            times = connection.execute(_TIMES, [task_id]).fetchall()
            findings += [f"{program.name}: {line}" for line in _check_times(program, times, runs_of[program.name])]
    return findings


def _check_times(program: Scenario, times: Sequence[Any], runs: list[_Run]) -> Iterator[str]:
    """Each time of its schedule began one run, not before it, and heard of its end; no run came from elsewhere."""
    if len({time[0] for time in times}) != program.fires or len(times) != program.fires:
        yield f"{len(times)} times came of {program.fires}: {[time[0] for time in times]}"
    for nominal, state, reason, run_id, status, is_early in times:
        if run_id is None or state != _TIME_STATES.get(status or ""):
            yield f"the time {nominal} is {state} ({reason}), its run {run_id} is {status}"
        if is_early:
            yield f"the run {run_id} began before its time {nominal}"
    if sorted(run.id for run in runs) != sorted(str(time[3]) for time in times):
        yield f"{len(runs)} runs came of {len(times)} times"


def _check_run(
    connection: "psycopg.Connection[Any]", run: _Run, program: Scenario, promises: Promises
) -> Iterator[str]:
    wanted = _wanted(run, program, promises)
    open_branches = connection.execute(_OPEN_BRANCHES, [run.id]).fetchall()
    if run.status not in wanted:
        yield f"is {run.status}, not {' or '.join(wanted)} (error {run.error!r}, open branches {open_branches})"
        return
    if run.status == "succeeded" and json.loads(run.output or "null") != (
        output := program.output_of(json.loads(run.input))
    ):
        yield f"gave {run.output}, not {json.dumps(output)}"
    if open_branches:
        yield f"has ended with open branches {open_branches}"
    yield from _check_log(connection, run)


def _wanted(run: _Run, program: Scenario, promises: Promises) -> list[str]:
    """How the run may have ended. A cancelling nobody answered may have come through or too late."""
    if run.id in promises.cancelled:
        return ["cancelled"]
    # What nobody waits for any more is cancelled, if it has not ended before.
    may_be_cancelled = program.cancel_after or run.callers_status == "cancelled"
    end = "failed" if program.fails_with(json.loads(run.input)) else "succeeded"
    return [end, *(["cancelled"] if may_be_cancelled else [])]


def _check_log(connection: "psycopg.Connection[Any]", run: _Run) -> Iterator[str]:
    rows = connection.execute(_LOG, [run.id]).fetchall()
    if [row[1] for row in rows] != list(range(1, run.transition_count + 1)):
        yield f"the log has a gap or a double: {[row[1] for row in rows]} with counter {run.transition_count}"
    places = Counter((row[0], row[2], row[3]) for row in rows if row[2] != "init_branch")
    for place, count in places.items():
        if count > 1:
            yield f"recorded {count} times: {place[1]} at {place[2]}"
    ends = [row[2] for row in rows if row[2] in _TERMINAL]
    if len(ends) != 1 or rows[-1][2] not in _TERMINAL:
        yield f"ends of the log: {ends}"


def _check_told(connection: "psycopg.Connection[Any]", runs: list[_Run], seen: Seen) -> Iterator[str]:
    """Of every run that has ended the webhook was told once that it has, last of all, and everything in its order."""
    messages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for subject, message, type_ in connection.execute(_MESSAGES).fetchall():
        messages[subject].append((message, type_))
    first_at = {message: place for place, message in reversed(list(enumerate(seen.told)))}
    for run in runs:
        of_run = messages[run.id]
        ends = [type_ for _, type_ in of_run if type_ in _ENDS]
        if run.status in _TERMINAL_STATUS and (ends != [f"execution.{run.status}"] or of_run[-1][1] != ends[0]):
            yield f"run {run.id}: is {run.status}, and the webhook has messages {[type_ for _, type_ in of_run]}"
        lost = [type_ for message, type_ in of_run if message not in first_at]
        if lost:
            yield f"run {run.id}: the webhook was never told {lost}"
        elif [first_at[message] for message, _ in of_run] != sorted(first_at[message] for message, _ in of_run):
            yield f"run {run.id}: the webhook was told in another order than that of {[type_ for _, type_ in of_run]}"


def _check_calls(program: Scenario, seen: Seen, runs: list[_Run]) -> Iterator[str]:
    """Each run makes each call under one key of its own, however often it is repeated; a cancelled one may not."""
    complete = sum(run.status != "cancelled" for run in runs)
    for call in sorted(program.calls):
        keys = seen.calls.get(call, Counter())
        if not complete <= len(keys) <= len(runs) or "" in keys:
            yield f"call {call} came under {len(keys)} keys in {len(runs)} runs, {complete} of them complete"
    for call in sorted(program.single_calls):
        keys = seen.calls.get(call, Counter())
        if len(keys) > len(runs) or any(count > 1 for count in keys.values()):
            yield f"call {call} must not be repeated and came {keys.total()} times in {len(runs)} runs"
    for text in sorted(program.asked):
        if seen.asked[text] < complete:
            yield f"the model was asked {text} {seen.asked[text]} times in {complete} complete runs"
