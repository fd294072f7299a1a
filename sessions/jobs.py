"""Work on a session in the background: rows that say how it stands, and messages that only announce them."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from agents.models import Developer
from julep_project.core.clock import DatabaseNow, to_wire
from julep_project.core.leases import LeaseKeeper
from julep_project.core.rings import ring
from julep_project.core.tenancy import get_or_not_found
from sessions.models import Job, JobState, Session

SHORTEN_HISTORY = "shorten_history"
_CELERY_TASKS = {SHORTEN_HISTORY: "sessions.shorten_history"}

OPEN = (JobState.PENDING, JobState.IN_PROGRESS, JobState.RETRYING)
_AT_ONCE = 100


def get_job(developer: Developer, job_id: UUID) -> Job:
    """One job.

    Raises:
        NotFound
    """
    job: Job = get_or_not_found(Job.objects.for_developer(developer), job_id, "Job")
    return job


def job_to_wire(job: Job) -> dict[str, Any]:
    """The job as clients see it."""
    return {
        "id": str(job.pk),
        "name": job.name,
        "reason": job.reason,
        "created_at": to_wire(job.created_at),
        "updated_at": to_wire(job.updated_at),
        "has_progress": True,
        "progress": round(job.progress * 100, 1),
        "state": job.state,
    }


def open_job(session: Session, name: str) -> UUID | None:
    """The job of this name that has not ended yet. Call it with the session's row locked."""
    return Job.objects.filter(session=session, name=name, state__in=OPEN).values_list("pk", flat=True).first()


def start_job(job: Job) -> UUID:
    """Store a new job, and announce it. Call it in a transaction with the session's row locked and none open."""
    job.save(force_insert=True)
    transaction.on_commit(partial(_announce, job.pk, job.name))
    return job.pk


def claim_job(job_id: UUID) -> Job | None:
    """The job, to be worked on under a lease that `KEEPER` renews; None when there is nothing to do.

    A job claimed too often without an end has failed: whatever it does kills its worker.
    """
    row = Job.objects.filter(_startable(), pk=job_id)
    row.filter(attempts__gte=settings.MAX_ATTEMPTS).update(
        state=JobState.FAILED, reason="its worker was lost in every attempt", updated_at=DatabaseNow()
    )
    won = row.update(
        state=JobState.IN_PROGRESS, attempts=F("attempts") + 1, lease_until=_lease_end(), updated_at=DatabaseNow()
    )
    return Job.objects.select_related("developer").get(pk=job_id) if won else None


def report_progress(job: Job, progress: float) -> None:
    """Say how far it is, 0 to 1."""
    _mine(job).update(progress=progress, updated_at=DatabaseNow())


def end_job(job: Job, state: JobState, reason: str = "") -> bool:
    """Give the job its end, unless somebody else has claimed it since. Whether it was still ours."""
    progress = {"progress": 1.0} if state == JobState.SUCCEEDED else {}
    return bool(_mine(job).update(state=state, reason=reason or job.reason, updated_at=DatabaseNow(), **progress))


def sweep_jobs() -> int:
    """Announce jobs again that were never started, or whose worker has died. Returns how many."""
    long_ago = Now() - timedelta(seconds=settings.RING_AGAIN_SECONDS)
    due = Job.objects.filter(_startable(), updated_at__lt=long_ago).order_by("created_at")
    jobs = list(due.values_list("pk", "name")[:_AT_ONCE])
    Job.objects.filter(pk__in=[job_id for job_id, _ in jobs]).update(updated_at=DatabaseNow())
    for job_id, name in jobs:
        _announce(job_id, name)
    return len(jobs)


def renew_leases(claims: list[tuple[UUID, int]]) -> None:
    """Lengthen the leases of jobs still held."""
    for job_id, attempt in claims:
        Job.objects.filter(pk=job_id, attempts=attempt, state=JobState.IN_PROGRESS).update(lease_until=_lease_end())


KEEPER: LeaseKeeper[tuple[UUID, int]] = LeaseKeeper("job-keeper", renew_leases)


def _startable() -> Q:
    lost = Q(state=JobState.IN_PROGRESS, lease_until__lt=Now())
    return Q(state__in=(JobState.PENDING, JobState.RETRYING)) | lost


def _mine(job: Job) -> Any:
    """The row as long as nobody else has claimed it."""
    return Job.objects.filter(pk=job.pk, attempts=job.attempts, state=JobState.IN_PROGRESS)


def _lease_end() -> CombinedExpression:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def _announce(job_id: UUID, name: str) -> None:
    ring(_CELERY_TASKS[name], job_id)
