"""Branches that end because another one of their run did, or the run itself was cancelled."""

from collections.abc import Iterable
from uuid import UUID

from executions.engine.draft import Verdict
from executions.engine.rows.claims import Claim
from executions.models import Branch, Execution
from executions.states import FINAL_BRANCH, RUNNABLE_BRANCH, BranchStatus, ExecutionStatus


def end_others(claim: Claim, verdict: Verdict) -> bool:
    """End the branches a failure or a `return` inside an arm takes with it. The execution row is locked by the commit.

    A failure ends them all. A `return` ends the siblings and what hangs below them, and hands its value to the parent,
    which is ready then: whether that is so.
    """
    if verdict.interrupt is None:
        others = Branch.objects.filter(execution_id=claim.execution_id).exclude(pk=claim.branch_id)
        _cancel(others.exclude(status__in=FINAL_BRANCH).values_list("pk", flat=True))
        return False
    assert claim.parent_id is not None
    _cancel(_descendants(claim.parent_id))
    Branch.objects.filter(pk=claim.parent_id, status=BranchStatus.JOINING).update(
        status=BranchStatus.READY, event=verdict.interrupt, pending_children=0
    )
    _recount_branches(claim.execution_id)
    return True


def _descendants(branch_id: UUID) -> list[UUID]:
    """Unfinished branches below this one, at any depth."""
    found: list[UUID] = []
    level = [branch_id]
    while level:
        level = list(
            Branch.objects.filter(parent_id__in=level).exclude(status__in=FINAL_BRANCH).values_list("pk", flat=True)
        )
        found += level
    return found


def _cancel(branch_ids: Iterable[UUID]) -> None:
    """End branches from outside. Whatever their workers still bring is refused, because the status has changed."""
    Branch.objects.filter(pk__in=list(branch_ids)).update(
        status=BranchStatus.CANCELLED, lease_until=None, lease_owner=None, wake_at=None, effect=None, stack=[]
    )


def _recount_branches(execution_id: UUID) -> None:
    """Set the counters from the branches, one of which was just made ready. The caller holds the execution's lock."""
    branches = Branch.objects.filter(execution_id=execution_id)
    Execution.objects.filter(pk=execution_id).update(
        runnable=branches.filter(status__in=RUNNABLE_BRANCH).count(),
        open_waits=branches.filter(status=BranchStatus.AWAITING_INPUT).count(),
        status=ExecutionStatus.RUNNING,
    )


def cancel_branches(execution_id: UUID) -> None:
    """End every unfinished branch of a run. The caller holds the execution's row lock."""
    unfinished = Branch.objects.filter(execution_id=execution_id).exclude(status__in=FINAL_BRANCH)
    _cancel(unfinished.values_list("pk", flat=True))
