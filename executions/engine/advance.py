"""Claim a branch, run one slice of it, commit. What Celery messages and the in-process queue both call."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from agents.webhooks.recording import ring_where_asked
from executions import announcements
from executions.crashpoints import crashpoint
from executions.engine.draft import Verdict
from executions.engine.evaluation import EvaluatedIn
from executions.engine.limits import careful_s
from executions.engine.observing import note_commit, note_refusal, slice_under_way
from executions.engine.outage import HoldUp, hand_back, hold_up_of
from executions.engine.replaying.replay import Replay, is_again
from executions.engine.rows import claims, store
from executions.engine.rows.claims import Claim
from executions.engine.rows.shared_state import state_to_commit
from executions.engine.rows.store import Keep
from executions.engine.slice import Slice
from executions.engine.standing import hold_up_before
from executions.states import BranchStatus
from julep_project.core.errors import ContentMissing, ServiceUnavailable
from julep_project.core.storage_errors import took_too_long

log = logging.getLogger(__name__)

_TOO_LONG = "the database took too long over the step"


@dataclass(frozen=True, slots=True)
class Advanced:
    """A committed slice: what has to be rung next follows from the verdict.

    `claim`: what the message that ran it holds now and goes on with by itself, so that nothing is rung for it. `freed`
    are branches above that may start another child because this one ended or waits, and how many of their places are
    taken. The run has begun, and of the
    developer `followed_in` another may follow. The run has ended, and the branch `called_by` waits for that.
    """

    branch_id: UUID
    parent_id: UUID | None
    verdict: Verdict
    parent_ready: bool = False
    claim: Claim | None = None
    freed: Sequence[tuple[UUID, int]] = ()
    followed_in: UUID | None = None
    called_by: UUID | None = None


def advance_branch(branch_id: UUID, *, owner: str) -> Advanced | None:
    """Move a branch by one slice.

    `owner` identifies the message, so that the same message delivered again may take over its own lease at once.
    May be called by anyone, at any time, any number of times. None: there was nothing to do, or the claim was lost.
    """
    crashpoint("before_claim", branch_id)
    claim = claims.claim_branch(branch_id, owner)
    return None if claim is None else run_slice(claim)


def run_slice(
    claim: Claim,
    *,
    event: dict[str, Any] | None = None,
    keep: Keep | None = None,
    budget_s: float | None = None,
    is_shared: bool = False,
) -> Advanced | None:
    """Run one slice of a claimed branch and commit it.

    `event` is told to the waiting step instead of what the row holds: the result of the effect the claim is on.
    `is_shared`: other threads work in this process; the slice ends before an expression that could hold them up.
    None: the claim was lost, or was handed back because a neighbour is away or the developer is switched off.

    Raises:
        ServiceUnavailable, DatabaseError: a neighbour is away, and the claim is on an effect.
    """
    place = EvaluatedIn.SHARED if is_shared else EvaluatedIn.SUSPECT if claim.attempt > 1 else EvaluatedIn.OWN
    try:
        standing = hold_up_before(claim) if claim.held is BranchStatus.RUNNING else None
        if standing is not None:
            hand_back(claim, standing)
            return None
        with slice_under_way(claim):
            return _run_slice(claim, event, keep, _budget_s(place) if budget_s is None else budget_s, place)
    except (DatabaseError, ServiceUnavailable) as error:
        if claim.held is not BranchStatus.RUNNING:
            raise
        hold_up = hold_up_of(error, claim)
        if hold_up is not None:
            hand_back(claim, hold_up)
        elif took_too_long(error):
            hand_back(claim, HoldUp("the database", _TOO_LONG), counted=True)
        else:
            raise
        return None


def _budget_s(place: EvaluatedIn) -> float:
    return careful_s() if place is EvaluatedIn.SUSPECT else settings.SLICE_MS / 1000


def _run_slice(
    claim: Claim, event: dict[str, Any] | None, keep: Keep | None, budget_s: float, place: EvaluatedIn
) -> Advanced | None:
    current, gone = _opened(claim, event, place)
    if gone is not None:
        verdict = current.fail(gone.message, type(gone).__name__)
    elif claim.attempt > settings.MAX_ATTEMPTS:
        verdict = current.fail(_given_up(claim))
    else:
        if claim.held is BranchStatus.RUNNING:
            crashpoint("after_claim", claim.branch_id)
        verdict = current.run(budget_s)
    with state_to_commit(claim.execution_id, current.state, current.changes, claim.run.contents) as state:
        committed = store.commit_slice(
            claim,
            verdict,
            transitions=current.transitions,
            stack=[frame.to_json() for frame in current.frames],
            state=state,
            items=current.items,
            keep=None if keep is None or keep.is_over else keep,
            attempt=_attempts_kept(claim, verdict),
        )
    if committed is None:
        refused = "effect refused" if claim.held is BranchStatus.CALLING else "slice refused"
        note_refusal()
        log.info(refused, extra={"branch_id": claim.branch_id, "version": claim.version})
        return None
    crashpoint("after_commit", claim.branch_id, call=claim.held is BranchStatus.CALLING)
    announcements.announce(claim.execution_id)
    note_commit(claim, verdict, current.transitions)
    advanced = Advanced(
        branch_id=claim.branch_id,
        parent_id=claim.parent_id,
        verdict=verdict,
        parent_ready=committed.parent_ready,
        claim=committed.claim,
        freed=freed_by(claim, verdict, keep) if committed.claim is None and not committed.parent_ready else (),
        followed_in=claim.run.developer_id if claim.has_followers else None,
        called_by=claim.run.called_by if verdict.ends_run(is_main=claim.parent_id is None) else None,
    )
    if verdict.status is BranchStatus.AWAITING_INPUT or verdict.ends_run(is_main=claim.parent_id is None):
        transaction.on_commit(partial(ring_where_asked, claim.run.developer_id))
    return advanced


def _attempts_kept(claim: Claim, verdict: Verdict) -> int:
    """One when the branch has lost a worker at a place that it may not have come to yet: care goes on then.

    All else that ends a slice is counted, and so the lost one came no further.
    """
    return int(claim.attempt > 1 and verdict.is_late)


def _given_up(claim: Claim) -> str:
    """Why the step has used up its attempts: what the last of them met, which says so if it lived."""
    met = _TOO_LONG if (claim.held_up or {}).get("counted") else "the step ended its worker"
    return f"{met} {settings.MAX_ATTEMPTS} times; giving up"


def _opened(claim: Claim, event: dict[str, Any] | None, place: EvaluatedIn) -> tuple[Slice, ContentMissing | None]:
    """The slice of a claim, and what it lacks for good: then the step it stands at can only fail."""
    contents = claim.run.contents
    ran: dict[str, Any] = {
        "place": place,
        "ready_at": claim.ready_at if claim.held is BranchStatus.RUNNING else None,
    }
    try:
        told = event or contents.unpack_event(claim.event)
        kind = Replay if is_again(told) else Slice
        return kind(claim.run, claim.branch_id, stack=contents.unpack_stack(claim.stack), event=told, **ran), None
    except ContentMissing as error:
        left = contents.unpack_what_is_left(claim.stack)
        return Slice(claim.run, claim.branch_id, stack=left, event=None, **ran), error


_LEAVES_PLACE = frozenset({BranchStatus.SLEEPING, BranchStatus.AWAITING_INPUT, BranchStatus.DONE})


def freed_by(claim: Claim, verdict: Verdict, keep: Keep | None) -> list[tuple[UUID, int]]:
    """Branches above a claimed one that may start another child now that it was left like this, and how many of their
    places are taken.

    A lane takes the next child of its own parent by itself.
    """
    in_lane = keep is not None and keep.next_child
    if claim.parent_id is None or verdict.status not in _LEAVES_PLACE or (in_lane and not claim.is_nested):
        return []
    return claims.free_above(claim.parent_id, lane=claim.parent_id if in_lane else None)
