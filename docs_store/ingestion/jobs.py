"""The jobs that read files, and their ends."""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from docs_store import embedding_queue
from docs_store.extraction import errors
from docs_store.files import services as files
from docs_store.models import Doc, Ingestion
from julep_project.core.clock import DatabaseNow
from julep_project.core.jobs.kind import ClaimedJob, JobKind, announce
from julep_project.core.jobs.rows import OPEN, JobState

NAME = "ingest_file"
TASK = "docs_store.ingest_file"
# Files of one tenant that messages may be about at once, however many wait.
LANES = 4

Job = ClaimedJob[Ingestion]


class JobLost(Exception):
    """Somebody else works on the job now, or it has ended."""


def locked_doc(job: Job) -> Doc | None:
    """The job's doc, which nobody removes before the transaction ends; None if it is gone. Docs are locked before
    jobs, as by whoever deletes one."""
    if job.row.doc_id is None:
        return None
    return Doc.objects.select_for_update(no_key=True).filter(pk=job.row.doc_id).first()


@transaction.atomic
def succeed(job: Job, reason: str) -> None:
    """All is stored: the doc gets its vectors now.

    Raises:
        JobLost
    """
    doc = locked_doc(job)
    if doc is None:
        abort(job)
        return
    embedding_queue.enqueue(doc.pk, doc.developer_id)
    _end(job, JobState.SUCCEEDED, reason)


@transaction.atomic
def fail(job: Job, code: str, message: str) -> None:
    """The file cannot be read. Its doc, which holds nothing or not enough, goes.

    Raises:
        JobLost
    """
    doc = locked_doc(job)
    _end(job, JobState.FAILED, message, error_code=code)
    if doc is not None:
        doc.delete()


@transaction.atomic
def abort(job: Job) -> None:
    """Somebody removed the doc.

    Raises:
        JobLost
    """
    _end(job, JobState.ABORTED, "the doc was removed")


@transaction.atomic
def cancel(jobs: "QuerySet[Ingestion]") -> list[UUID]:
    """End those of the jobs that are open, whoever works on them, and remove what they have stored; their ids."""
    docs = Doc.objects.filter(pk__in=jobs.filter(state__in=OPEN).values("doc"))
    list(docs.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    held = jobs.filter(state__in=OPEN).select_for_update(no_key=True, of=("self",))
    ended = [job.pk for job in held.order_by("pk").only("pk")]
    Doc.objects.filter(ingestions__in=ended).delete()
    Ingestion.objects.filter(pk__in=ended).update(
        state=JobState.ABORTED,
        reason="it was cancelled",
        lease_until=None,
        version=F("version") + 1,
        updated_at=DatabaseNow(),
    )
    for job_id in ended:
        transaction.on_commit(partial(announce, job_id))
    return ended


def _end(job: Job, state: JobState, reason: str, **changes: str) -> None:
    if not job.end(state, reason, **changes):
        raise JobLost
    if job.row.is_upload:
        transaction.on_commit(partial(files.forget_upload, job.row.developer_id, job.row.content_id), robust=True)


def _give_up(job: Job, reason: str) -> None:
    try:
        fail(job, errors.DAMAGED, reason)
    except JobLost:
        pass


# Of one developer few are read at once: each takes a place among the few that files are read in, for a while.
INGESTIONS: JobKind[Ingestion] = JobKind(Ingestion, task=TASK, give_up=_give_up, at_once=LANES)
