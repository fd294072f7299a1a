"""Removes all there is of a user, as a job: it may be killed at any time, and is gone on with.

The user goes last. Until then the job finds again what is left, and whatever was added meanwhile.
"""

import logging
from functools import partial
from uuid import UUID

from django.db import DatabaseError, transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer, User
from agents.retention.kinds import PERSONAL, Person
from agents.retention.models import Erasure
from agents.retention.pace import Pace
from agents.retention.stripping import UPKEEP, strip_records
from julep_project.core.jobs.kind import ClaimedJob, JobKind
from julep_project.core.jobs.rows import JobState
from julep_project.core.outages import is_waited_out, when_back
from julep_project.core.storage_errors import took_too_long
from julep_project.core.tenancy import get_or_not_found, tenant_scope

log = logging.getLogger(__name__)

NAME = "erase_user"
TASK = "retention.erase_user"
ERASURES: JobKind[Erasure] = JobKind(Erasure, task=TASK)
_ROUNDS = 10
_PAUSE_S = 1.0


class JobLost(Exception):
    """Somebody else works on the job now."""


def start_erasure(*, developer: Developer, user_id: UUID) -> UUID:
    """Begin to erase a user; the job that does it.

    Raises:
        NotFound: there is no such user.
    """
    with transaction.atomic():
        users = User.objects.for_developer(developer).select_for_update(no_key=True)
        user: User = get_or_not_found(users, user_id, "User")
        record(developer.pk, Act(Verb.ERASE, ObjectKind.USER, user.pk))
        return ERASURES.start(Erasure(developer=developer, user_id=user.pk, name=NAME))


def erase_user(job_id: UUID) -> None:
    """Do such a job, or go on with it."""
    job = ERASURES.claim(job_id)
    if job is None:
        return
    with ERASURES.leases.holding(job.held), tenant_scope(job.row.developer_id):
        try:
            _erase(job)
        except JobLost:
            log.info("another worker erases the user", extra={"job_id": job_id})
        except DatabaseError as error:
            waits = is_waited_out(error, partial(ERASURES.leases.renew, [job.held]))
            if not waits and not took_too_long(error):
                raise
            when_back(partial(job.wait, _PAUSE_S, counted=not waits))
        ERASURES.queued.ring_next(job.row.developer_id)


def _erase(job: ClaimedJob[Erasure]) -> None:
    person, report = Person(job.row.developer_id, job.row.user_id), dict(job.row.report)
    pace = Pace(upkeep=UPKEEP)
    for _ in range(_ROUNDS):
        for place, personal in enumerate(PERSONAL.values()):
            report[personal.name] = report.get(personal.name, 0) + personal.remove(person, pace)
            if not job.record(place / (len(PERSONAL) + 1), report=report):
                raise JobLost
        report["audit"] = report.get("audit", 0) + strip_records(person.developer_id, [person.user_id], pace)
        if _ends(job, person, report):
            return
    job.wait(_PAUSE_S, counted=True, report=report)


def _ends(job: ClaimedJob[Erasure], person: Person, report: dict[str, int]) -> bool:
    """Remove the user, unless something came to belong to it; from then on nothing can."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=person.user_id, developer_id=person.developer_id)
        is_there = user.first() is not None
        if is_there and any(personal.is_found(person) for personal in PERSONAL.values()):
            return False
        removed, _ = User.objects.filter(pk=person.user_id, developer_id=person.developer_id).delete()
        report["users"] = report.get("users", 0) + (1 if removed else 0)
        if not job.end(JobState.SUCCEEDED, "all there was of the user is removed", report=report):
            transaction.set_rollback(True)
            raise JobLost
    return True
