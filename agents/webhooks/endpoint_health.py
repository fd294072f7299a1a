"""How endpoints fare: what fails for long is disabled, and so is what wants to hear nothing more."""

import logging
from uuid import UUID

from django.conf import settings

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.webhooks.models import Endpoint
from julep_project.core.actor import SYSTEM, acting_as
from julep_project.core.database import execute, fetch

log = logging.getLogger(__name__)

_FAILED = """
    UPDATE webhooks_endpoint SET failures = failures + 1, failing_since = coalesce(failing_since, now())
    WHERE id = %(endpoint)s
    RETURNING failures, failures >= %(most)s AND failing_since <= now() - make_interval(hours => %(hours)s)
"""
_ARRIVED = "UPDATE webhooks_endpoint SET failures = 0, failing_since = NULL WHERE id = %s AND failures > 0"
_DISABLE = """
    UPDATE webhooks_endpoint SET enabled = false, disabled_reason = %(reason)s, disabled_at = now(),
        updated_at = date_trunc('milliseconds', now())
    WHERE id = %(endpoint)s AND enabled RETURNING developer_id
"""
# What somebody works on just now is dropped when it is looked at next.
_DROP = """
    UPDATE webhooks_delivery SET state = 'dropped', error = %(error)s, ended_at = now(), version = version + 1
    WHERE id IN (
        SELECT id FROM webhooks_delivery
        WHERE endpoint_id = %(endpoint)s AND state IN ('pending', 'waiting')
          AND (lease_until IS NULL OR lease_until < now()) FOR UPDATE SKIP LOCKED)
"""
GONE = "the receiver answered 410: it is gone"


def note_arrival(endpoint: Endpoint) -> None:
    """A message has arrived."""
    if endpoint.failures:
        execute(_ARRIVED, [endpoint.pk])


def note_failure(endpoint: Endpoint, *, is_gone: bool) -> None:
    """A message has not arrived. Call it in a transaction."""
    limits = {"most": settings.WEBHOOK_DISABLE_AFTER, "hours": settings.WEBHOOK_DISABLE_HOURS}
    found = fetch(_FAILED, {"endpoint": endpoint.pk, **limits})
    if not found:
        return
    [(failures, is_too_long)] = found
    if is_gone or is_too_long:
        reason = GONE if is_gone else f"{failures} attempts in a row did not arrive"
        with acting_as(SYSTEM):
            disable(endpoint.pk, reason)


def disable(endpoint_id: UUID, reason: str) -> bool:
    """Tell the endpoint nothing any more, also what is on its way. Whether it was enabled. Call it in a transaction."""
    found = fetch(_DISABLE, {"endpoint": endpoint_id, "reason": reason})
    if not found:
        return False
    [(developer_id,)] = found
    execute(_DROP, {"endpoint": endpoint_id, "error": f"the webhook was disabled: {reason}"})
    after = {"enabled": False, "reason": reason}
    record(developer_id, Act(Verb.UPDATE, ObjectKind.WEBHOOK, endpoint_id, before={"enabled": True}, after=after))
    log.warning("webhook disabled", extra={"webhook_id": endpoint_id, "developer": developer_id, "reason": reason})
    return True
