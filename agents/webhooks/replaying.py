"""Sends again what has not arrived, or arrived and was lost there: under the same ids, so that receivers know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.webhooks.errors import EndpointDisabled, StillOnItsWay
from agents.webhooks.models import ENDED, NOT_ARRIVED, Delivery, Endpoint
from agents.webhooks.rows import ring_due_of
from agents.webhooks.services import get_endpoint
from julep_project.core.clock import to_wire
from julep_project.core.database import fetch
from julep_project.core.tenancy import get_or_not_found

# So many at once; the next call goes on with those that are left.
MOST_AT_ONCE = 1000
# In one order, so that nobody who holds one waits for who holds another; before rows, as whoever writes an end does.
_LOCK_SUBJECTS = """
    SELECT webhooks_lock_subject(subject_id) FROM (
        SELECT DISTINCT subject_id FROM webhooks_delivery WHERE id = ANY (%(ids)s) ORDER BY subject_id
        OFFSET 0) AS found
"""
# As it was when it was new, but for what its log tells. Of each subject the first goes, the others follow.
_AGAIN = """
    WITH chosen AS MATERIALIZED (
        SELECT id, endpoint_id, subject_id, message_id FROM webhooks_delivery
        WHERE id = ANY (%(ids)s) AND state = ANY (%(states)s) ORDER BY message_id FOR UPDATE
    ), placed AS (
        SELECT c.id, count(*) OVER () - row_number() OVER (ORDER BY c.message_id) AS behind,
               row_number() OVER (PARTITION BY c.subject_id ORDER BY c.message_id) > 1 OR EXISTS (
            SELECT FROM webhooks_delivery o WHERE o.endpoint_id = c.endpoint_id AND o.subject_id = c.subject_id
            AND o.state IN ('pending', 'waiting')) AS is_behind
        FROM chosen c
    )
    UPDATE webhooks_delivery d SET state = CASE WHEN placed.is_behind THEN 'waiting' ELSE 'pending' END,
        version = version + 1, attempts = 0, tries = 0, since = now(), rung_at = NULL, ended_at = NULL,
        due_at = now() - make_interval(secs => placed.behind / 1e6)
    FROM placed WHERE d.id = placed.id
    RETURNING d.id
"""


@dataclass(frozen=True, slots=True)
class Range:
    """Deliveries to one endpoint that ended like this, made from `since` on and before `until`."""

    states: Sequence[str] = NOT_ARRIVED
    since: datetime | None = None
    until: datetime | None = None

    def within(self, rows: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
        rows = rows.filter(state__in=self.states)
        if self.since is not None:
            rows = rows.filter(created_at__gte=self.since)
        return rows if self.until is None else rows.filter(created_at__lt=self.until)

    def to_json(self) -> dict[str, Any]:
        """As the audit log keeps it."""
        moments = {"since": self.since, "until": self.until}
        return {"states": list(self.states), **{name: at and to_wire(at) for name, at in moments.items()}}


def list_deliveries(
    developer: Developer, endpoint_id: UUID, *, state: str = "", type: str = ""
) -> "QuerySet[Delivery]":
    """What was and is on its way to an endpoint.

    Raises:
        NotFound: there is no such endpoint.
    """
    endpoint = get_endpoint(developer, endpoint_id)
    rows: QuerySet[Delivery] = Delivery.objects.for_developer(developer).filter(endpoint=endpoint)
    if state:
        rows = rows.filter(state=state)
    if type:
        rows = rows.filter(message__type=type)
    return rows.select_related("message")


def get_delivery(developer: Developer, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """One of them.

    Raises:
        NotFound
    """
    return get_or_not_found(list_deliveries(developer, endpoint_id), delivery_id, "Delivery")


@transaction.atomic
def replay_delivery(developer: Developer, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Send a delivery that has ended again, whatever its end was.

    Raises:
        NotFound
        EndpointDisabled, StillOnItsWay
    """
    endpoint = _enabled(developer, endpoint_id)
    get_delivery(developer, endpoint_id, delivery_id)
    if not _send_again(endpoint, [delivery_id], ENDED, {"delivery": str(delivery_id)}):
        raise StillOnItsWay
    return get_delivery(developer, endpoint_id, delivery_id)


@transaction.atomic
def replay_range(developer: Developer, endpoint_id: UUID, what: Range) -> tuple[int, bool]:
    """Send those of a range again, the oldest first; how many, and whether there are more than are taken at once.

    Raises:
        NotFound
        EndpointDisabled
    """
    endpoint = _enabled(developer, endpoint_id)
    rows = what.within(list_deliveries(developer, endpoint_id)).order_by("created_at", "message_id")
    ids = list(rows.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    return _send_again(endpoint, ids[:MOST_AT_ONCE], what.states, what.to_json()), len(ids) > MOST_AT_ONCE


def _enabled(developer: Developer, endpoint_id: UUID) -> Endpoint:
    endpoint = get_endpoint(developer, endpoint_id)
    if not endpoint.enabled:
        raise EndpointDisabled
    return endpoint


def _send_again(endpoint: Endpoint, ids: Sequence[UUID], states: Sequence[str], told: dict[str, Any]) -> int:
    found = 0
    if ids:
        fetch(_LOCK_SUBJECTS, {"ids": list(ids)})
        found = len(fetch(_AGAIN, {"ids": list(ids), "states": list(states)}))
    if found:
        after = {**told, "replayed": found}
        act = Act(Verb.RETRY, ObjectKind.WEBHOOK, endpoint.pk, endpoint.description, after=after)
        record(endpoint.developer_id, act)
        transaction.on_commit(partial(ring_due_of, endpoint.developer_id))
    return found
