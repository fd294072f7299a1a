"""Looks after what nobody else does: who has too much on its way, and what waits behind nothing.

Whoever adds a message does not count what waits already, which takes long where it is much: it looks at a mark of the
endpoint, which is set and taken away here.
"""

import logging

from django.conf import settings

from julep_project.core.database import execute, fetch
from julep_project.core.tenancy import system_scope

log = logging.getLogger(__name__)

ANYTHING = """
    (EXISTS (SELECT FROM webhooks_delivery WHERE state IN ('pending', 'waiting'))
        OR EXISTS (SELECT FROM webhooks_endpoint WHERE is_full))
"""
# Those that were full have to come down by a tenth. Of each endpoint no more is counted than may wait.
_MARK = """
    WITH open AS (
        SELECT e.developer_id, sum(of_one.waiting) AS waiting
        FROM webhooks_endpoint e CROSS JOIN LATERAL (
            SELECT count(*) AS waiting FROM (
                SELECT FROM webhooks_delivery d
                WHERE d.endpoint_id = e.id AND d.state IN ('pending', 'waiting') LIMIT %(most)s + 1) AS first
        ) AS of_one
        GROUP BY e.developer_id
    ), wrong AS (
        SELECT e.id, coalesce(o.waiting, 0) AS waiting,
               coalesce(o.waiting, 0) > CASE WHEN e.is_full THEN %(most)s * 0.9 ELSE %(most)s END AS is_full
        FROM webhooks_endpoint e LEFT JOIN open o ON o.developer_id = e.developer_id
        WHERE e.is_full OR o.waiting > %(most)s
    )
    UPDATE webhooks_endpoint e SET is_full = wrong.is_full
    FROM wrong WHERE e.id = wrong.id AND e.is_full <> wrong.is_full
    RETURNING e.id, e.developer_id, e.is_full, wrong.waiting
"""
_BEHIND_NOTHING = """
    UPDATE webhooks_delivery SET state = 'pending', due_at = now(), since = now(), rung_at = NULL
    WHERE id IN (
        SELECT w.id FROM webhooks_delivery w
        WHERE w.state = 'waiting' AND NOT EXISTS (
            SELECT FROM webhooks_delivery o
            WHERE o.endpoint_id = w.endpoint_id AND o.subject_id = w.subject_id AND o.state IN ('pending', 'waiting')
              AND (o.state = 'pending' OR o.message_id < w.message_id))
        LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""


@system_scope()
def look_after() -> int:
    """Mark the endpoints of developers for which too much waits, and let go on what waits behind nothing; how many of
    either there were."""
    marked = fetch(_MARK, {"most": settings.WEBHOOK_PENDING_MAX})
    for endpoint_id, developer_id, is_full, waiting in marked:
        told = {"webhook_id": endpoint_id, "developer": developer_id, "waiting": waiting}
        if is_full:
            log.warning("too many messages of webhooks wait: new ones are dropped", extra=told)
        else:
            log.info("messages of webhooks are taken again", extra=told)
    return len(marked) + execute(_BEHIND_NOTHING)
