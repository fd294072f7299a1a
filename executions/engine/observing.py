"""What the people who run the installation are told of runs: one line for each start and each end, numbers, and in all
lines that are written meanwhile, what they are about."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.spending.attribution import attributed
from executions.engine.draft import TransitionDraft, Verdict
from executions.engine.rows.claims import Claim
from executions.models import Execution
from executions.states import ExecutionStatus
from julep_project.core.ids import made_at
from julep_project.core.telemetry import tracing
from julep_project.core.telemetry.context import about
from julep_project.core.telemetry.registry import (
    LEASES_LOST,
    RUN_SECONDS,
    RUNS_ENDED,
    RUNS_STARTED,
    SLICE_SECONDS,
    SLICES,
    STEPS,
)

log = logging.getLogger("executions.runs")

_SLICES, _CALLS = "slices", "calls"


def note_start(execution: Execution, task_name: str) -> None:
    """The rows of a run are there for all."""
    RUNS_STARTED.add(task_name)
    fields = {"execution_id": execution.pk, "task_id": execution.task_id, "task": task_name}
    retried = {} if execution.retried_from is None else {"retried_from": execution.retried_from}
    log.info("execution started", extra={**fields, **retried})


def note_cancel(execution: Execution, task_name: str) -> None:
    """A run was ended from outside."""
    ended = _Ended(execution.pk, execution.task_id, task_name, execution.traceparent)
    _note_end(ended, ExecutionStatus.CANCELLED)


@contextmanager
def slice_under_way(claim: Claim) -> Iterator[None]:
    """One slice of a claimed branch is run in this block."""
    if claim.attempt > 1 and claim.held_up is None:
        LEASES_LOST.add(_SLICES)
    began = time.monotonic()
    with attributed(execution_id=claim.execution_id), _about(claim, max(claim.attempt, 1)), _span_of_slice(claim):
        yield
    SLICE_SECONDS.observe(time.monotonic() - began)


@contextmanager
def call_under_way(claim: Claim) -> Iterator[None]:
    """The call of a claimed branch is made in this block."""
    run, attempt = claim.run, (claim.effect or {}).get("attempts", 1)
    with _about(claim, attempt, step=_place(claim)), tracing.in_run(run.traceparent, run.execution_id):
        yield


def note_lost_call() -> None:
    """The attempt before the one that is to be made lost its worker."""
    LEASES_LOST.add(_CALLS)


def note_refusal() -> None:
    """A slice was not committed: its claim was lost, or its run has ended."""
    SLICES.add("refused")


def note_commit(claim: Claim, verdict: Verdict, transitions: Sequence[TransitionDraft]) -> None:
    """A slice is committed. If the run has ended with it, that is told: nobody else has committed it."""
    SLICES.add("committed")
    tracing.annotate({"julep.transitions": len(transitions), "julep.status": verdict.status.value})
    for kind, count in Counter(row.metadata.get("step_type") for row in transitions).items():
        if kind is not None:
            STEPS.add(kind, amount=count)
    status = verdict.ends_run(is_main=claim.parent_id is None)
    if status is not None:
        version = claim.run.version
        failed = _failure(transitions[-1]) if status is ExecutionStatus.FAILED else {}
        ended = _Ended(claim.execution_id, version.task_id, version.task_name, claim.run.traceparent)
        _note_end(ended, status, **failed)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run that has ended."""

    execution_id: UUID
    task_id: UUID
    task: str
    traceparent: str | None


def _note_end(run: _Ended, status: ExecutionStatus, **fields: Any) -> None:
    execution_id, task_name = run.execution_id, run.task
    began = made_at(execution_id)
    seconds = None if began is None else round(max(time.time() - began, 0.0), 3)
    RUNS_ENDED.add(task_name, status.value)
    if seconds is not None:
        RUN_SECONDS.observe(seconds, status.value)
    told = {"execution_id": execution_id, "task_id": run.task_id, "task": task_name, "status": status.value}
    is_failed = status is ExecutionStatus.FAILED
    message = "execution failed" if is_failed else "execution ended"
    log.log(logging.WARNING if is_failed else logging.INFO, message, extra={**told, "seconds": seconds, **fields})
    described = {f"julep.{name}": value for name, value in {**told, **fields}.items()}
    error = fields.get("error_type") if is_failed else None
    tracing.close_run(run.traceparent, execution_id, f"run {task_name}", described, error)


def _failure(row: TransitionDraft) -> dict[str, Any]:
    """Of what kind an error is, and where it came. What it says may hold what the run was given."""
    place = row.step_label or f"{row.current['workflow']}[{row.current['step']}]"
    return {"error_type": row.metadata.get("error_type"), "step": place}


@contextmanager
def _span_of_slice(claim: Claim) -> Iterator[None]:
    run = claim.run
    if not tracing.is_traced(run.traceparent):
        yield
        return
    told: dict[str, object] = {"julep.execution_id": run.execution_id, "julep.branch_id": claim.branch_id}
    told["julep.attempt"] = max(claim.attempt, 1)
    with tracing.in_run(run.traceparent, run.execution_id), tracing.spanning("slice", told):
        yield


def _about(claim: Claim, attempt: int, **fields: object) -> AbstractContextManager[None]:
    return about(branch_id=claim.branch_id, developer_id=claim.run.developer_id, attempt=attempt, **fields)


def _place(claim: Claim) -> str:
    """The step a branch stands at."""
    frame = claim.stack[-1]
    label = claim.run.program.block(frame["path"])[frame["pc"]].label
    return label or f"{frame['display']}[{frame['pc']}]"
