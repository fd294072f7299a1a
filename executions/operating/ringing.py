"""Sends wake-ups again for runs that wait for workers of a queue: for who does not want to wait for the next sweep."""

import logging

from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from executions.engine.sweep import NAME
from julep_project.core.database import fetch
from julep_project.core.errors import BadRequest
from julep_project.core.tenancy import system_scope
from julep_project.core.work import rings

log = logging.getLogger(__name__)

# Of the rows that have waited longest since somebody rang for them.
MOST = 1000
# Each has an index that holds such rows only.
_DUE = {
    "engine": (
        "b.status = 'ready'",
        "b.status = 'running' AND b.lease_until < now()",
        "b.status IN ('sleeping', 'awaiting_input') AND b.wake_at <= now()",
    ),
    "io": (
        "b.status = 'calling' AND b.lease_until IS NULL AND coalesce(b.wake_at, now()) <= now()",
        "b.status = 'calling' AND b.lease_until < now()",
    ),
}
QUEUES = tuple(_DUE)
# The sweep rings for what was not rung lately, as many at once as the queue has room for.
_FORGET = """
    WITH due AS MATERIALIZED (
        SELECT b.id FROM executions_branch b WHERE {due} AND b.rung_at IS NOT NULL
        ORDER BY b.rung_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        UPDATE executions_branch b SET rung_at = NULL FROM due WHERE b.id = due.id RETURNING b.id
    )
    SELECT count(*) FROM forgotten
"""


@system_scope()
def ring_again(*, queue: str) -> int:
    """Forget that it was rung for rows that are due for a queue, and have a sweep ring for them; how many they are.

    Raises:
        BadRequest: there is no such queue.
    """
    if queue not in _DUE:
        raise BadRequest("A queue that can be rung for is one of " + ", ".join(_DUE))
    with transaction.atomic():
        counts = [fetch(_FORGET.format(due=due), {"most": MOST})[0][0] for due in _DUE[queue]]
        number = int(sum(counts))
        record(None, Act(Verb.RING, ObjectKind.QUEUE, queue, queue, after={"rows": number}))
        transaction.on_commit(lambda: rings.ring(NAME))
    log.info("rung again", extra={"queue": queue, "rows": number})
    return number
