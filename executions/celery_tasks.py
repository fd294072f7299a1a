"""Celery tasks. Each takes ids, calls one function, and sends what comes next."""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from celery import Task, shared_task

from executions.crashpoints import crashpoint
from executions.effects import perform
from executions.engine import advance as engine
from executions.engine import lane
from executions.engine.dispatch import CeleryDispatcher, lane_continuation, ring_after
from julep_project.core.work import rings

log = logging.getLogger(__name__)


@shared_task(name="executions.advance", bind=True)
def advance(self: Any, branch_id: str) -> None:
    """Move a branch by one slice."""
    _ring_after(engine.advance_branch(UUID(branch_id), owner=self.request.id))


@shared_task(name="executions.join", bind=True)
def join(self: Any, branch_id: str) -> None:
    """Look at a branch whose lanes have ended. The row decides whether its children really have."""
    crashpoint("before_join", UUID(branch_id))
    _ring_after(engine.advance_branch(UUID(branch_id), owner=self.request.id))


@shared_task(name="executions.perform_effect", bind=True)
def perform_effect(self: Any, branch_id: str) -> None:
    """Do the work outside the database that a branch waits for, and go on with the branch."""
    _ring_after(perform.perform_effect(UUID(branch_id), owner=self.request.id))


def _ring_after(advanced: engine.Advanced | None) -> None:
    if advanced is not None:
        ring_after(advanced, CeleryDispatcher())


@shared_task(name="executions.run_lane", bind=True, ignore_result=False)
def run_lane(self: Task, parent_id: str, child_id: str | None, calls: bool = False) -> None:
    """Run children of a branch one after the other; replaces itself to keep its place in the chord.

    Without a broker to replace it, it goes on: a lane that failed would leave its child to the end of its lease, and
    its place to the sweeper. A call to be made elsewhere is left to the sweeper, as any that was not rung for.
    """
    parent, child = UUID(parent_id), UUID(child_id) if child_id else None
    run = partial(
        lane.run_lane, parent, owner=self.request.id, dispatcher=CeleryDispatcher(), perform=perform.perform_claimed
    )
    while stop := run(child, calls=calls):
        try:
            with rings.sending():
                self.replace(lane_continuation(parent, stop.child_id, calls=stop.calls))
        except rings.BROKER_ERRORS as error:
            log.warning("lane not handed on", extra={"parent_id": parent, "reason": repr(error)})
        if stop.calls != calls:
            return
        child = stop.child_id
