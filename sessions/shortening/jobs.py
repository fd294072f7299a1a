"""Work on a session in the background: rows that say how it stands, and messages that only announce them."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from agents.models import Developer
from julep_project.core.clock import DatabaseNow, to_wire
from julep_project.core.tenancy import get_or_not_found
from julep_project.core.work import rings
from julep_project.core.work.lease import Held, Leases
from julep_project.core.work.queued import Queued
from sessions.models import Job, JobState, Session

SHORTEN_HISTORY = "shorten_history"
TASK = "sessions.shorten_history"

OPEN = (JobState.PENDING, JobState.IN_PROGRESS, JobState.RETRYING)
LEASES: Leases[Job] = Leases(
    Job, Q(state__in=OPEN), waiting={"state": JobState.RETRYING}, ring=lambda job_id: rings.ring(TASK, job_id)
)
QUEUED = Queued(LEASES, task=TASK)


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
    if QUEUED.add(job.pk, job.developer_id):
        transaction.on_commit(partial(QUEUED.ring, job.pk))
    return job.pk


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that is worked on. What is written of it is refused once somebody else has claimed it."""

    row: Job
    held: Held

    def report(self, progress: float) -> None:
        """Say how far it is, 0 to 1."""
        LEASES.held([self.held]).update(progress=progress, updated_at=DatabaseNow())

    def end(self, state: JobState, reason: str = "") -> bool:
        """Give the job its end. Whether it was still ours."""
        progress = {"progress": 1.0} if state == JobState.SUCCEEDED else {}
        return bool(LEASES.end(self.held, state=state, reason=reason or self.row.reason, **progress))

    def wait(self, pause_s: float, *, counted: bool) -> None:
        """Let the job be begun again after the pause."""
        LEASES.wait(self.held, pause_s=pause_s, counted=counted)


def claim_job(job_id: UUID) -> ClaimedJob | None:
    """The job, to be worked on under a lease; None when there is nothing to do.

    A job claimed too often without an end has failed: whatever it does kills its worker.
    """
    held = LEASES.claim(job_id, state=JobState.IN_PROGRESS, updated_at=DatabaseNow())
    if held is None:
        return None
    claimed = ClaimedJob(Job.objects.select_related("developer").get(pk=job_id), held)
    if held.attempt > settings.MAX_ATTEMPTS:
        claimed.end(JobState.FAILED, "none of its attempts came to an end")
        return None
    return claimed
