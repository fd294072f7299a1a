"""A lane runs the children of one parent one after the other.

It starts where steps run, and moves to where calls are made with its first child that has to call outside. There it
makes the calls of this child and of those that follow it. Every child it takes is claimed under the message's name.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from executions.crashpoints import crashpoint
from executions.engine.advance import Advanced, run_slice
from executions.engine.dispatch import Dispatcher, ring_after
from executions.engine.limits import CALLS_S, STEPS_BETWEEN_CALLS_S
from executions.engine.rows import claims
from executions.engine.rows.claims import Claim
from executions.engine.rows.store import Keep
from executions.states import BranchStatus

# Does the call a claimed child waits for, and runs the slice that follows it.
Perform = Callable[[Claim, Keep], Advanced | None]


@dataclass(frozen=True, slots=True)
class LaneStop:
    """Where a lane stopped within one message: the child it stays with, and whether it goes on where calls are made."""

    child_id: UUID | None
    calls: bool


def run_lane(
    parent_id: UUID,
    child_id: UUID | None,
    *,
    owner: str,
    dispatcher: Dispatcher,
    perform: Perform,
    calls: bool = False,
) -> LaneStop | None:
    """Run children of the parent until the time of one message is used or, unless it `calls`, one has to call outside.

    None: no child is left for this lane. A child that parks is left to whatever wakes it; the lane moves on.
    """
    lane = _Lane(parent_id, owner, perform, calls)
    claim = lane.first(child_id)
    while claim is not None:
        advanced = lane.run(claim)
        stop = lane.stop_after(advanced)
        if stop is not None:
            return stop
        if advanced is not None and advanced.claim is None and advanced.verdict.status is not BranchStatus.READY:
            ring_after(advanced, dispatcher)
        claim = lane.following(advanced)
        if claim is None and lane.is_over:
            return LaneStop(None, calls)
    return None


class _Lane:
    """What one message of a lane may do, and for how long."""

    def __init__(self, parent_id: UUID, owner: str, perform: Perform, calls: bool) -> None:
        seconds = CALLS_S if calls else settings.SLICE_MS / 1000
        self._keep = Keep(owner, time.monotonic() + seconds, effect=calls, next_child=True)
        self._parent_id = parent_id
        self._owner = owner
        self._perform = perform
        self._calls = calls

    @property
    def is_over(self) -> bool:
        """Whether the time of the message is used."""
        return self._keep.is_over

    def first(self, child_id: UUID | None) -> Claim | None:
        """The child the message names, else one that an earlier delivery of the message held, else the next."""
        claim = None
        if child_id is not None:
            crashpoint("in_lane", child_id)
            crashpoint("before_claim", child_id, call=self._calls)
            take = claims.claim_effect if self._calls else claims.claim_branch
            claim = take(child_id, self._owner)
        return claim or claims.claim_held(self._parent_id, self._owner) or self._take()

    def run(self, claim: Claim) -> Advanced | None:
        """One slice of the child; when it is at a call, the call before that."""
        if claim.held is BranchStatus.CALLING:
            return self._perform(claim, self._keep)
        crashpoint("in_lane", claim.branch_id)
        if self._calls:
            return run_slice(claim, keep=self._keep, budget_s=STEPS_BETWEEN_CALLS_S, is_shared=True)
        return run_slice(claim, keep=self._keep)

    def stop_after(self, advanced: Advanced | None) -> LaneStop | None:
        """Whether the lane stays with this child in its next message."""
        if advanced is None or advanced.claim is not None:
            return None
        status = advanced.verdict.status
        if status is BranchStatus.CALLING and advanced.verdict.sleep_s is None:
            return LaneStop(advanced.branch_id, calls=True)
        leaves = self.is_over or advanced.verdict.is_heavy
        return LaneStop(advanced.branch_id, calls=False) if status is BranchStatus.READY and leaves else None

    def following(self, advanced: Advanced | None) -> Claim | None:
        """What to go on with: the same child, the one its commit took, or another. None: nothing, or no time."""
        if advanced is not None and advanced.claim is not None:
            return advanced.claim
        if self.is_over:
            return None
        if advanced is not None and advanced.verdict.status is BranchStatus.READY:
            return claims.claim_branch(advanced.branch_id, self._owner) or self._take()
        return self._take()

    def _take(self) -> Claim | None:
        return claims.take_child(self._parent_id, self._owner)
