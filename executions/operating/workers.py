"""Workers, each with a row in which it says that it is there and reads what is asked of it.

Postgres is all that is needed. A message that the row is to be looked at only makes that happen sooner.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from executions.operating.models import Worker
from julep_project.core.actor import current_actor
from julep_project.core.clock import DatabaseNow, TransactionNow, now
from julep_project.core.database import execute, fetch
from julep_project.core.errors import Conflict, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import system_scope
from julep_project.core.work.rings import call_worker

log = logging.getLogger(__name__)

# How often a worker tells of itself. An installation without work should cost little.
EVERY_S = 30.0
# For so long after that it is taken to be there.
_SEEN = timedelta(seconds=2.5 * EVERY_S)
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker says of itself."""

    name: str
    queues: Sequence[str]
    release: str
    pid: int
    id: UUID = field(default_factory=uuid7)
    begun_at: datetime = field(default_factory=now)


_BEAT = """
    INSERT INTO operating_worker (id, name, queues, release, pid, begun_at, seen_at)
    VALUES (%(id)s, %(name)s, %(queues)s, %(release)s, %(pid)s, %(begun)s, now())
    ON CONFLICT (id) DO UPDATE SET seen_at = now(), draining_since = coalesce(
        operating_worker.draining_since,
        CASE WHEN %(draining)s OR operating_worker.drain_asked_at IS NOT NULL THEN now() END)
    RETURNING drain_asked_at IS NOT NULL
"""


@system_scope()
def beat(worker: Told, *, is_draining: bool = False) -> bool:
    """Say that the worker is there; whether it is asked to drain."""
    values = {
        "id": worker.id,
        "name": worker.name[:255],
        "queues": list(worker.queues),
        "release": worker.release[:64],
        "pid": worker.pid,
        "begun": worker.begun_at,
        "draining": is_draining,
    }
    [(is_asked,)] = fetch(_BEAT, values)
    return bool(is_asked)


@system_scope()
def sign_in(worker: Told) -> None:
    """Say so for the first time, and forget those of whom nothing was heard for a day."""
    execute("DELETE FROM operating_worker WHERE seen_at < now() - interval '1 day'")
    beat(worker)


@system_scope()
def sign_off(worker: Told) -> None:
    """Say that it is gone."""
    execute("DELETE FROM operating_worker WHERE id = %s", [worker.id])


@system_scope()
def drain_worker(*, worker_id: UUID) -> Worker:
    """Ask a worker to take nothing new, to end what it does within `DRAIN_SECONDS`, and then itself.

    Raises:
        NotFound: there is no such worker any more. Conflict: it was asked already, or is told to stop.
    """
    with transaction.atomic():
        worker = Worker.objects.select_for_update().filter(pk=worker_id, seen_at__gt=TransactionNow() - _SEEN).first()
        if worker is None:
            raise NotFound("Worker not found")
        if worker.drain_asked_at is not None or worker.draining_since is not None:
            raise Conflict("The worker drains already")
        actor = current_actor()
        asked = {"drain_asked_at": DatabaseNow(), "drain_asked_by": (actor.label or actor.kind.value)[:255]}
        Worker.objects.filter(pk=worker_id).update(**asked)
        record(None, Act(Verb.DRAIN, ObjectKind.WORKER, worker_id, worker.name))
        transaction.on_commit(lambda: call_worker(worker.name))
    log.warning("worker is asked to drain", extra={"worker": worker.name})
    return worker


@system_scope()
def list_workers() -> list[Worker]:
    """Those that told of themselves lately."""
    return list(Worker.objects.filter(seen_at__gt=TransactionNow() - _SEEN).order_by("name", "begun_at")[:_MOST])
