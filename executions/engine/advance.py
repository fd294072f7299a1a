"""Claim a branch, run one slice of it, commit. What Celery messages and the in-process queue both call."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from executions import announcements
from executions.crashpoints import crashpoint
from executions.engine import claims, store
from executions.engine.claims import Claim
from executions.engine.draft import Verdict
from executions.engine.slice import Slice
from executions.engine.store import Keep
from executions.states import BranchStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Advanced:
    """A committed slice: what has to be rung next follows from the verdict.

    `claim`: what the message that ran it holds now and goes on with by itself, so that nothing is rung for it. `freed`
    are branches above that may start another child because this one ended or waits.
    """

    branch_id: UUID
    parent_id: UUID | None
    verdict: Verdict
    parent_ready: bool = False
    claim: Claim | None = None
    freed: Sequence[UUID] = ()


def advance_branch(branch_id: UUID, *, owner: str) -> Advanced | None:
    """Move a branch by one slice.

    `owner` identifies the message, so that the same message delivered again may take over its own lease at once.
    May be called by anyone, at any time, any number of times. None: there was nothing to do, or the claim was lost.
    """
    crashpoint("before_claim", branch_id)
    claim = claims.claim_branch(branch_id, owner)
    return None if claim is None else run_slice(claim)


def run_slice(
    claim: Claim, *, event: dict[str, Any] | None = None, keep: Keep | None = None, budget_s: float | None = None
) -> Advanced | None:
    """Run one slice of a claimed branch and commit it.

    `event` is told to the waiting step instead of what the row holds: the result of the effect the claim is on.
    None: the claim was lost.
    """
    current = Slice(claim.run, claim.branch_id, stack=claim.stack, event=event or claim.event)
    if claim.attempt > settings.MAX_ATTEMPTS:
        verdict = current.fail(f"the step ended its worker {settings.MAX_ATTEMPTS} times; giving up")
    else:
        if claim.held is BranchStatus.RUNNING:
            crashpoint("after_claim", claim.branch_id)
        verdict = current.run(settings.SLICE_MS / 1000 if budget_s is None else budget_s)
    committed = store.commit_slice(
        claim,
        verdict,
        transitions=current.transitions,
        stack=[frame.to_json() for frame in current.frames],
        state=current.state,
        items=current.items,
        keep=None if keep is None or keep.is_over else keep,
    )
    if committed is None:
        refused = "effect refused" if claim.held is BranchStatus.CALLING else "slice refused"
        log.info(refused, extra={"branch_id": claim.branch_id, "version": claim.version})
        return None
    crashpoint("after_commit", claim.branch_id, call=claim.held is BranchStatus.CALLING)
    announcements.announce(claim.execution_id)
    return Advanced(
        branch_id=claim.branch_id,
        parent_id=claim.parent_id,
        verdict=verdict,
        parent_ready=committed.parent_ready,
        claim=committed.claim,
        freed=freed_by(claim, verdict, keep) if committed.claim is None and not committed.parent_ready else (),
    )


_LEAVES_PLACE = frozenset({BranchStatus.SLEEPING, BranchStatus.AWAITING_INPUT, BranchStatus.DONE})


def freed_by(claim: Claim, verdict: Verdict, keep: Keep | None) -> list[UUID]:
    """Branches above a claimed one that may start another child now that it was left like this.

    A lane takes the next child of its own parent by itself.
    """
    in_lane = keep is not None and keep.next_child
    if claim.parent_id is None or verdict.status not in _LEAVES_PLACE or (in_lane and not claim.is_nested):
        return []
    return claims.free_above(claim.parent_id, lane=claim.parent_id if in_lane else None)
