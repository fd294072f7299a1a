"""A lane runs the children of one parent one after the other, for as long as they need nothing from outside."""

import time
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from executions.crashpoints import crashpoint
from executions.engine import store
from executions.engine.advance import advance_branch
from executions.engine.dispatch import Dispatcher, ring_after
from executions.states import BranchStatus


@dataclass(frozen=True, slots=True)
class LaneStop:
    """Where a lane stopped within one message: the child it stays with, and whether that child calls outside."""

    child_id: UUID | None
    calling: bool


def run_lane(parent_id: UUID, child_id: UUID | None, *, owner: str, dispatcher: Dispatcher) -> LaneStop | None:
    """Run children of the parent until one has to call outside or the time of one message is used.

    None: no child is left for this lane. A child that parks is left to whatever wakes it; the lane moves on.
    """
    deadline = time.monotonic() + settings.SLICE_MS / 1000
    while True:
        if child_id is None:
            child_id = store.take_child(parent_id)
        if child_id is None:
            return None
        crashpoint("in_lane")
        advanced = advance_branch(child_id, owner=owner)
        if advanced is not None and advanced.verdict.status is BranchStatus.CALLING:
            return LaneStop(child_id, calling=True)
        stays = advanced is not None and advanced.verdict.status is BranchStatus.READY
        if advanced is not None and not stays:
            ring_after(advanced, dispatcher, in_lane=True)
        child_id = child_id if stays else None
        if time.monotonic() >= deadline:
            return LaneStop(child_id, calling=False)
