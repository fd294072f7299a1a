"""Claim a branch, run one slice of it, commit. What Celery messages and the in-process queue both call."""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from executions import announcements
from executions.crashpoints import crashpoint
from executions.engine import store
from executions.engine.draft import Verdict
from executions.engine.run import Run, load_version
from executions.engine.slice import Slice

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Advanced:
    """A committed slice: what has to be rung next follows from the verdict."""

    branch_id: UUID
    parent_id: UUID | None
    verdict: Verdict
    parent_ready: bool


def advance_branch(branch_id: UUID, *, owner: str) -> Advanced | None:
    """Move a branch by one slice.

    `owner` identifies the message, so that the same message delivered again may take over its own lease at once.
    May be called by anyone, at any time, any number of times. None: there was nothing to do, or the claim was lost.
    """
    crashpoint("before_claim")
    claim = store.claim_branch(branch_id, owner)
    if claim is None:
        return None
    run = Run(
        execution_id=claim.execution_id,
        branch_id=claim.branch_id,
        developer_id=claim.developer_id,
        version=load_version(claim.task_version_id),
    )
    current = Slice(run, stack=claim.stack, event=claim.event)
    if claim.attempt > settings.MAX_ATTEMPTS:
        verdict = current.fail(f"the step ended its worker {settings.MAX_ATTEMPTS} times; giving up")
    else:
        crashpoint("after_claim")
        verdict = current.run()
    committed = store.commit_slice(
        claim,
        verdict,
        transitions=current.transitions,
        stack=[frame.to_json() for frame in current.frames],
        state=current.state,
        items=current.items,
    )
    if committed is None:
        log.info("slice refused", extra={"branch_id": branch_id, "version": claim.version})
        return None
    crashpoint("after_commit")
    announcements.announce(claim.execution_id)
    return Advanced(
        branch_id=claim.branch_id,
        parent_id=claim.parent_id,
        verdict=verdict,
        parent_ready=committed.parent_ready,
    )
