"""Work on a session in the background: rows that say how it stands, and messages that only announce them."""

from uuid import UUID

from julep_project.core.jobs.kind import ClaimedJob, JobKind
from julep_project.core.jobs.rows import OPEN
from sessions.models import Job, Session

SHORTEN_HISTORY = "shorten_history"
TASK = "sessions.shorten_history"

SESSION_JOBS = JobKind(Job, task=TASK)
LEASES, QUEUED = SESSION_JOBS.leases, SESSION_JOBS.queued


def open_job(session: Session, name: str) -> UUID | None:
    """The job of this name that has not ended yet. Call it with the session's row locked."""
    return Job.objects.filter(session=session, name=name, state__in=OPEN).values_list("pk", flat=True).first()


def start_job(job: Job) -> UUID:
    """Store a new job, and announce it. Call it in a transaction with the session's row locked and none open."""
    return SESSION_JOBS.start(job)


def claim_job(job_id: UUID) -> ClaimedJob[Job] | None:
    """The job, to be worked on under a lease; None when there is nothing to do."""
    return SESSION_JOBS.claim(job_id)
