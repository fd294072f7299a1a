"""Kinds of jobs: how their rows are begun, claimed and ended, and how any of them is found by its id."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from julep_project.core.clock import DatabaseNow, to_wire
from julep_project.core.errors import NotFound
from julep_project.core.jobs.rows import OPEN, JobRow, JobState
from julep_project.core.live import events
from julep_project.core.work import rings
from julep_project.core.work.lease import Held, Leases
from julep_project.core.work.queued import Queued

Row = TypeVar("Row", bound=JobRow)


class JobKind(Generic[Row]):
    """The jobs of one model. A message `task` carries a job's id. `give_up` ends one that was claimed too often.
    `at_once` bounds how many of one developer are worked on at once."""

    def __init__(
        self,
        model: type[Row],
        *,
        task: str,
        give_up: "Callable[[ClaimedJob[Row], str], object] | None" = None,
        at_once: int | None = None,
        queue: str = "io",
    ) -> None:
        self.model = model
        self._give_up = give_up or (lambda job, reason: job.end(JobState.FAILED, reason))
        self.task = task
        self._at_once = at_once or 1
        self.leases: Leases[Row] = Leases(
            model,
            Q(state__in=OPEN),
            waiting={"state": JobState.RETRYING},
            ring=lambda job_id: rings.ring(task, job_id),
            at_once=at_once,
        )
        self.queued = Queued(self.leases, task=task, queue=queue)
        KINDS[model] = self

    def start(self, job: Any) -> UUID:
        """Store a new job, and announce it once the transaction that it is stored in has committed."""
        job.save(force_insert=True)
        if self.queued.add(job.pk, job.developer_id):
            transaction.on_commit(partial(self.queued.ring, job.pk))
        key: UUID = job.pk
        return key

    def start_all(self, jobs: Sequence[Any]) -> None:
        """The same with many of one developer. Only the first of them are announced: whoever ends one rings for the
        next, and so do sweeps."""
        for job in jobs[: self._at_once]:
            self.start(job)
        self.model._base_manager.bulk_create(jobs[self._at_once :])

    def claim(self, job_id: UUID) -> "ClaimedJob[Row] | None":
        """The job, to be worked on under a lease; None when there is nothing to do.

        A job claimed too often without an end has failed: whatever it does kills its worker.
        """
        held = self.leases.claim(job_id, state=JobState.IN_PROGRESS, updated_at=DatabaseNow())
        if held is None:
            return None
        row = self.model._base_manager.select_related("developer").filter(pk=job_id).first()
        if row is None:
            # It went with what it was for.
            return None
        claimed = ClaimedJob(self, row, held)
        if held.attempt > settings.MAX_ATTEMPTS:
            self._give_up(claimed, "none of its attempts came to an end")
            return None
        announce(job_id)
        return claimed


# By their models.
KINDS: dict[Any, JobKind[Any]] = {}


@dataclass(frozen=True, slots=True)
class ClaimedJob(Generic[Row]):
    """A job that is worked on. What is written of it is refused once somebody else has claimed it."""

    kind: JobKind[Row]
    row: Row
    held: Held

    def report(self, progress: float) -> None:
        """Say how far it is, 0 to 1."""
        self.kind.leases.held([self.held]).update(progress=progress, updated_at=DatabaseNow())
        self._announce()

    def record(self, progress: float, **changes: Any) -> bool:
        """Write how far it is, with what was done in the same transaction. Whether it is still ours: if not, take that
        back. From here on attempts are counted anew."""
        rows = self.kind.model._base_manager.filter(pk=self.held.key, version=self.held.version, state__in=OPEN)
        changes = {"progress": progress, "attempts": 1, "updated_at": DatabaseNow(), **changes}
        is_ours = bool(rows.update(**changes))
        self._announce()
        return is_ours

    def end(self, state: JobState, reason: str = "", **changes: Any) -> bool:
        """Give the job its end. Whether it was still ours."""
        progress = {"progress": 1.0} if state == JobState.SUCCEEDED else {}
        reason = reason or self.row.reason
        is_ours = bool(self.kind.leases.end(self.held, state=state, reason=reason, **progress, **changes))
        self._announce()
        return is_ours

    def wait(self, pause_s: float, *, counted: bool, **changes: Any) -> None:
        """Let the job be begun again after the pause."""
        self.kind.leases.wait(self.held, pause_s=pause_s, counted=counted, **changes)
        self._announce()

    def _announce(self) -> None:
        transaction.on_commit(partial(announce, self.held.key))


def find_job(developer: Any, job_id: UUID) -> JobRow:
    """One job of the developer, of whatever kind.

    Raises:
        NotFound
    """
    for model in KINDS:
        job: JobRow | None = model.objects.for_developer(developer).filter(pk=job_id).first()
        if job is not None:
            return job
    raise NotFound("Job not found")


def job_to_wire(job: JobRow) -> dict[str, Any]:
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
        **job.details(),
    }


def topic(job_id: UUID) -> str:
    """The topic a stream of this job listens to."""
    return f"job:{job_id}"


def announce(job_id: UUID) -> None:
    """Say that the job changed. Call after commit."""
    events.publish(topic(job_id))
