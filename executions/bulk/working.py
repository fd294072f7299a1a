"""Does acts on many runs, a few at a time: it may be killed at any moment, and is gone on with.

Each run is acted on in a transaction of its own, which also says so; it changes nothing when the action was aborted, or
somebody else works on it. So no run is acted on twice, and an abort is heard of before the next one.
"""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F

from agents.models import Developer
from agents.retention.pace import Pace
from agents.spending.attribution import attributed
from executions.bulk.models import BulkAction, BulkItem, BulkVerb, Outcome
from executions.finding import RunFilter, find_runs
from executions.models import Execution
from executions.removal.expiry import remove_runs
from executions.retrying.errors import StillRunning
from executions.retrying.plan import FAILED
from executions.retrying.services import RetryRequest, retry_execution
from executions.services import cancel_execution, resume_execution
from executions.states import TERMINAL_EXECUTION, ExecutionStatus
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.api.pagination import Cursor
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import DomainError, NotFound, ServiceUnavailable
from julep_project.core.jobs.kind import ClaimedJob, JobKind
from julep_project.core.jobs.rows import OPEN, JobState
from julep_project.core.outages import is_waited_out, when_back
from julep_project.core.rates.errors import TooManyRequests
from julep_project.core.storage_errors import took_too_long
from julep_project.core.tenancy import tenant_scope
from julep_project.core.work.draining import is_draining

log = logging.getLogger(__name__)

TASK = "bulk.work"
BULKS: JobKind[BulkAction] = JobKind(BulkAction, task=TASK, queue="maintenance", at_once=1)
# Runs between two reports, and how long one message works: upkeep waits for the same threads.
_AT_ONCE = 25
_WORKS_S = 1.0
# Between looks at whether more runs may be started.
_PAUSE_S = 5.0
_LONGEST_ERROR = 500


class BulkLost(Exception):
    """It was aborted, or somebody else works on it now."""


class _Skipped(Exception):
    """The run is not to be acted on any more."""


def work_on(bulk_id: UUID) -> None:
    """Act on some more of the runs."""
    job = BULKS.claim(bulk_id)
    if job is None:
        return
    row = job.row
    actor = Actor(**{**row.actor, "kind": ActorKind(row.actor["kind"])})
    with (
        BULKS.leases.holding(job.held),
        tenant_scope(row.developer_id),
        acting_as(actor),
        attributed(key_id=row.key_id),
    ):
        try:
            _work(job)
        except BulkLost:
            log.info("bulk action is not ours any more", extra={"bulk_id": bulk_id})
        except (TooManyRequests, ServiceUnavailable):
            when_back(partial(job.wait, _PAUSE_S, counted=False))
        except DatabaseError as error:
            waits = is_waited_out(error, partial(BULKS.leases.renew, [job.held]))
            if not waits and not took_too_long(error):
                raise
            when_back(partial(job.wait, _PAUSE_S, counted=not waits))


def _work(job: ClaimedJob[BulkAction]) -> None:
    until = time.monotonic() + _WORKS_S
    while True:
        runs = _next(job.row)
        if not runs:
            job.end(JobState.SUCCEEDED, "all runs that met the filter were acted on")
            BULKS.queued.ring_next(job.row.developer_id)
            return
        for run in runs:
            _act_on(job, run)
        job.row.place = Cursor.at(runs[-1]).to_text()
        if not job.record(_progress(job.row), place=job.row.place):
            raise BulkLost
        if time.monotonic() >= until or is_draining():
            job.wait(0.0, counted=False)
            BULKS.queued.ring_next(job.row.developer_id)
            return


def _next(bulk: BulkAction) -> list[Execution]:
    """The oldest runs that meet the filter, were there when the action was made, and have not had their turn."""
    runs = find_runs(bulk.developer, RunFilter.from_json(bulk.filter)).filter(created_at__lt=bulk.created_at)
    cursor = Cursor.read(bulk.place)
    if cursor is not None:
        runs = cursor.behind(runs, descending=False)
    return list(runs.only("id", "created_at", "status").order_by("created_at", "pk")[:_AT_ONCE])


def _progress(bulk: BulkAction) -> float:
    fresh = BulkAction.objects.filter(pk=bulk.pk).values_list("done", "skipped", "failed").first() or (0,)
    return min(sum(fresh) / max(bulk.matched, 1), 1.0)


def _act_on(job: ClaimedJob[BulkAction], run: Execution) -> None:
    """Act on one run and say so, both or neither."""
    bulk = job.row
    if bulk.action == BulkVerb.DELETE:
        # Many short transactions; whoever does it again finds nothing left to do.
        outcome, error = _told(lambda: _delete(run))
        _say(job, run, outcome, error)
        return
    act = partial(_ACTS[bulk.action], bulk.developer, run.pk, bulk.options, bulk.why)
    try:
        with transaction.atomic():
            if bulk.filter.get("is_retried") is False:
                _check_not_retried(bulk.developer, run.pk)
            result = act()
            _say(job, run, Outcome.DONE, result=result)
        return
    except (TooManyRequests, ServiceUnavailable):
        raise
    except (_Skipped, NotFound) as error:
        outcome, told = Outcome.SKIPPED, str(error)
    except DomainError as error:
        outcome, told = Outcome.FAILED, error.explanation
    _say(job, run, outcome, told)


@transaction.atomic
def _say(
    job: ClaimedJob[BulkAction], run: Execution, outcome: Outcome, error: str = "", *, result: UUID | None = None
) -> None:
    """Raises BulkLost, and so takes back what was done."""
    counted: Mapping[str, Any] = {outcome.value: F(outcome.value) + 1}
    held = BulkAction.objects.filter(pk=job.held.key, version=job.held.version, state__in=OPEN)
    if not held.update(updated_at=DatabaseNow(), **counted):
        raise BulkLost
    BulkItem.objects.create(
        bulk_id=job.held.key, execution_id=run.pk, outcome=outcome, error=error[:_LONGEST_ERROR], result=result
    )


def _told(act: Callable[[], object]) -> tuple[Outcome, str]:
    try:
        act()
    except _Skipped as error:
        return Outcome.SKIPPED, str(error)
    return Outcome.DONE, ""


def _delete(run: Execution) -> None:
    if run.status not in TERMINAL_EXECUTION:
        raise _Skipped(f"it has not ended: it is {run.status}")
    remove_runs([run.pk], Pace())


def _cancel(developer: Developer, run_id: UUID, options: Mapping[str, Any], why: str) -> None:
    _check_open(developer, run_id)
    cancel_execution(developer=developer, execution_id=run_id, reason=why or None)


def _resume(developer: Developer, run_id: UUID, options: Mapping[str, Any], why: str) -> None:
    if _check_open(developer, run_id) != ExecutionStatus.AWAITING_INPUT:
        raise _Skipped("it does not wait for an input")
    resume_execution(developer=developer, execution_id=run_id, value=options.get("input"))


def _retry(developer: Developer, run_id: UUID, options: Mapping[str, Any], why: str) -> UUID:
    request = RetryRequest(
        point=options.get("from") or FAILED,
        is_latest=options.get("version") == "latest",
        repeats_once=bool(options.get("repeat_at_most_once")),
    )
    try:
        run = retry_execution(developer=developer, execution_id=run_id, request=request, is_surplus=True)
    except StillRunning as error:
        raise _Skipped(error.message) from None
    key: UUID = run.pk
    return key


def _check_not_retried(developer: Developer, run_id: UUID) -> None:
    """Of two actions that mean runs which nobody has tried again, the second finds what the first has begun."""
    list(Execution.objects.for_developer(developer).filter(pk=run_id).select_for_update().values_list("pk"))
    if Execution.objects.filter(retried_from=run_id).exists():
        raise _Skipped("it was tried again meanwhile")


def _check_open(developer: Developer, run_id: UUID) -> str:
    runs = Execution.objects.for_developer(developer).filter(pk=run_id).select_for_update()
    status: str | None = runs.values_list("status", flat=True).first()
    if status is None or status in TERMINAL_EXECUTION:
        raise _Skipped(f"it has ended: it is {status}" if status else "it is gone")
    return status


_ACTS: Mapping[str, Callable[..., UUID | None]] = {
    BulkVerb.CANCEL.value: _cancel,
    BulkVerb.RESUME.value: _resume,
    BulkVerb.RETRY.value: _retry,
}
