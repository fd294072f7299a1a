"""Works on deliveries: claims one, sends it, and writes what came of it.

A process may be killed at any moment: what was claimed and not written is sent again when its lease is over, under the
same id. Of one subject only the first message is `pending`, those behind it are `waiting`; whoever writes the end of
one lets the next follow, under a lock that whoever adds a message takes too.
"""

import logging
import time
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction

from agents.webhooks.endpoint_health import note_arrival, note_failure
from agents.webhooks.models import Delivery, DeliveryState
from agents.webhooks.rows import LEASES, QUEUED
from agents.webhooks.sending import MOST_RETRY_AFTER_S, Try, send_message
from julep_project.core.clock import DatabaseNow, now
from julep_project.core.database import execute, fetch, give_connection_back
from julep_project.core.outages import is_waited_out, when_back
from julep_project.core.storage_errors import took_too_long
from julep_project.core.tenancy import system_scope, tenant_scope
from julep_project.core.work.backoff import Backoff
from julep_project.core.work.draining import is_draining
from julep_project.core.work.lease import Held
from julep_project.core.work.queued import DUE

log = logging.getLogger(__name__)

# 5 s, 20 s, 80 s, ... 6 h.
PAUSES = Backoff(first_s=5.0, factor=4.0, cap_s=MOST_RETRY_AFTER_S)
# How long one message works: other things wait for the same threads.
_WORKS_S = 1.0
_OUTAGE_PAUSE_S = 5.0
_LOG_LENGTH = 10

# Endpoints of a developer that have something due and may be sent more at once, whose turn comes first before others.
_ENDPOINTS = f"""
    SELECT e.id FROM webhooks_endpoint e CROSS JOIN LATERAL (
        SELECT d.due_at FROM webhooks_delivery d
        WHERE d.endpoint_id = e.id AND d.state = 'pending' AND {DUE.format(table="d")} ORDER BY d.due_at LIMIT 1
    ) AS first
    WHERE e.developer_id = %(developer)s AND (
        SELECT count(*) FROM webhooks_delivery l
        WHERE l.endpoint_id = e.id AND l.state = 'pending' AND l.lease_until > now()) < %(lanes)s
    ORDER BY first.due_at
"""
# With the endpoint locked nobody else counts what is on its way to it.
_LOCK_ENDPOINT = "SELECT id FROM webhooks_endpoint WHERE id = %(endpoint)s FOR NO KEY UPDATE"
_FIRST_DUE = f"""
    SELECT d.id FROM webhooks_delivery d
    WHERE d.endpoint_id = %(endpoint)s AND d.state = 'pending' AND {DUE.format(table="d")}
    ORDER BY d.due_at, d.message_id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_ON_THE_WAY = """
    SELECT count(*) FROM webhooks_delivery
    WHERE endpoint_id = %(endpoint)s AND state = 'pending' AND lease_until > now()
"""
# Whoever removes an endpoint has its lock before those of its deliveries.
_KEEP_ENDPOINT = "SELECT id FROM webhooks_endpoint WHERE id = %s FOR KEY SHARE"
_LOCK_SUBJECT = "SELECT webhooks_lock_subject(%s)"
_LET_FOLLOW = """
    UPDATE webhooks_delivery SET state = 'pending', due_at = now(), since = now(), rung_at = NULL
    WHERE id = (
        SELECT w.id FROM webhooks_delivery w
        WHERE w.endpoint_id = %(endpoint)s AND w.subject_id = %(subject)s AND w.state = 'waiting'
          AND NOT EXISTS (SELECT FROM webhooks_delivery p WHERE p.endpoint_id = w.endpoint_id
                          AND p.subject_id = w.subject_id AND p.state = 'pending')
        ORDER BY w.message_id LIMIT 1)
    RETURNING id
"""


def deliver(delivery_id: UUID) -> None:
    """Send deliveries of the developer of this one that are due, for a short time."""
    with system_scope():
        developer_id = Delivery.objects.filter(pk=delivery_id).values_list("developer_id", flat=True).first()
    if developer_id is None:
        return
    until = time.monotonic() + _WORKS_S
    with tenant_scope(developer_id):
        while (held := claim_next(developer_id)) is not None:
            with LEASES.holding(held):
                _work(held)
            if time.monotonic() >= until or is_draining():
                break
    QUEUED.ring_next(developer_id)


def claim_next(developer_id: UUID) -> Held | None:
    """The right to the delivery of the developer that has been due for longest, of an endpoint that is not sent as much
    already as may be sent to one at once; None while the developer's are sent as much as may be to all of them."""
    lanes = settings.WEBHOOK_CONCURRENCY
    for (endpoint_id,) in fetch(_ENDPOINTS, {"developer": developer_id, "lanes": lanes}):
        named = {"endpoint": endpoint_id}
        with transaction.atomic():
            if not fetch(_LOCK_ENDPOINT, named) or fetch(_ON_THE_WAY, named)[0][0] >= lanes:
                continue
            for (delivery_id,) in fetch(_FIRST_DUE, named):
                return LEASES.claim(delivery_id)
    return None


def _work(held: Held) -> None:
    """Send it, unless it is not to be sent any more. While the database is away it waits, and is sent again later."""
    try:
        row = Delivery.objects.select_related("endpoint", "message").filter(pk=held.key).first()
        if row is None:
            return
        if held.attempt > settings.MAX_ATTEMPTS:
            ended = {"error": f"none of its {held.attempt - 1} attempts came to an end"}
            _write(held, row, partial(_end, held, row, DeliveryState.FAILED, **ended))
        elif not row.endpoint.enabled:
            _write(held, row, partial(_end, held, row, DeliveryState.DROPPED, error="the webhook was disabled"))
        else:
            give_connection_back()
            tried = send_message(row.endpoint, row.message)
            _write(held, row, partial(_note, held, row, tried))
    except DatabaseError as error:
        waits = is_waited_out(error, partial(LEASES.renew, [held]))
        if not waits and not took_too_long(error):
            raise
        when_back(partial(LEASES.wait, held, pause_s=_OUTAGE_PAUSE_S, counted=not waits))


def _write(held: Held, row: Delivery, write: Any) -> None:
    """Write what came of it, under the lock of its subject; again when the database is back, if it was away."""

    def once() -> None:
        with transaction.atomic():
            fetch(_KEEP_ENDPOINT, [row.endpoint_id])
            fetch(_LOCK_SUBJECT, [row.subject_id])
            write()

    when_back(once)


def _note(held: Held, row: Delivery, tried: Try) -> None:
    told: dict[str, Any] = {
        "tries": row.tries + 1,
        "status": tried.status,
        "error": tried.error,
        "excerpt": tried.excerpt,
        "log": [*row.log, tried.to_json()][-_LOG_LENGTH:],
    }
    if tried.has_arrived:
        if _end(held, row, DeliveryState.DELIVERED, **told):
            note_arrival(row.endpoint)
        return
    pause_s = _pause_s(row, tried)
    if tried.is_gone or pause_s is None:
        is_ours = _end(held, row, DeliveryState.FAILED, **told)
    else:
        is_ours = bool(LEASES.wait(held, pause_s=pause_s, **{**told, "attempts": 0}))
    if is_ours:
        note_failure(row.endpoint, is_gone=tried.is_gone)


def _pause_s(row: Delivery, tried: Try) -> float | None:
    """How long it waits for its next try; None when there is none. The last one is made when the time is over."""
    left = row.since + timedelta(hours=settings.WEBHOOK_RETRY_HOURS) - now()
    if left <= timedelta(0):
        return None
    return min(PAUSES.pause_s(row.tries + 1, hint_s=tried.retry_after_s), max(left.total_seconds(), 1.0))


def _end(held: Held, row: Delivery, state: DeliveryState, **told: Any) -> bool:
    """Whether it was still ours."""
    if not LEASES.end(held, state=state, ended_at=DatabaseNow(), **told):
        return False
    let_follow(row.endpoint_id, row.subject_id)
    return True


def let_follow(endpoint_id: UUID, subject_id: UUID) -> None:
    """Let the next message of the subject be sent to the endpoint, if none is on its way. Call it with the subject
    locked."""
    execute(_LET_FOLLOW, {"endpoint": endpoint_id, "subject": subject_id})
