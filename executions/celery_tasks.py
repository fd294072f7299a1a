"""Celery tasks. Each takes ids, calls one function, and sends what comes next."""

from typing import Any
from uuid import UUID

from celery import Task, shared_task

from executions import blobs
from executions.crashpoints import crashpoint
from executions.effects import perform
from executions.engine import advance as engine
from executions.engine import lane, sweep
from executions.engine.dispatch import CeleryDispatcher, lane_continuation, ring_after
from julep_project.core import heartbeats


@shared_task(name="executions.advance", bind=True)
def advance(self: Any, branch_id: str) -> None:
    """Move a branch by one slice."""
    advanced = engine.advance_branch(UUID(branch_id), owner=self.request.id)
    if advanced is not None:
        ring_after(advanced, CeleryDispatcher())


@shared_task(name="executions.join", bind=True)
def join(self: Any, branch_id: str) -> None:
    """Look at a branch whose lanes have ended. The row decides whether its children really have."""
    crashpoint("before_join", UUID(branch_id))
    advanced = engine.advance_branch(UUID(branch_id), owner=self.request.id)
    if advanced is not None:
        ring_after(advanced, CeleryDispatcher())


@shared_task(name="executions.perform_effect", bind=True)
def perform_effect(self: Any, branch_id: str) -> None:
    """Do the work outside the database that a branch waits for, and go on with the branch."""
    advanced = perform.perform_effect(UUID(branch_id), owner=self.request.id)
    if advanced is not None:
        ring_after(advanced, CeleryDispatcher())


@shared_task(name="executions.run_lane", bind=True, ignore_result=False)
def run_lane(self: Task, parent_id: str, child_id: str | None, calls: bool = False) -> None:
    """Run children of a branch one after the other; replaces itself to keep its place in the chord."""
    stop = lane.run_lane(
        UUID(parent_id),
        UUID(child_id) if child_id else None,
        owner=self.request.id,
        dispatcher=CeleryDispatcher(),
        calls=calls,
    )
    if stop is not None:
        raise self.replace(lane_continuation(UUID(parent_id), stop.child_id, calls=stop.calls))


@shared_task(name="executions.prune_blobs")
def prune_blobs() -> None:
    """Remove stored contents of runs that were deleted."""
    blobs.prune_blobs()


@shared_task(name="executions.sweep")
def sweep_branches() -> None:
    """Ring for rows nobody is looking at."""
    sweep.sweep(CeleryDispatcher())
    heartbeats.beat(sweep.HEARTBEAT)
