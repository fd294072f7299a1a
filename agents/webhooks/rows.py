"""Deliveries as rows that wait for a worker."""

from uuid import UUID

from django.conf import settings
from django.db.models import Q

from agents.webhooks.models import Delivery, DeliveryState
from julep_project.core.work import rings
from julep_project.core.work.lease import Leases
from julep_project.core.work.queued import Queued

DELIVER = "webhooks.deliver"
# Of one developer, whatever endpoints it has.
_AT_ONCE = 2 * settings.WEBHOOK_CONCURRENCY


def _ring(delivery_id: object) -> None:
    rings.ring(DELIVER, delivery_id)


LEASES: Leases[Delivery] = Leases(Delivery, Q(state=DeliveryState.PENDING), ring=_ring, at_once=_AT_ONCE)
QUEUED: Queued[Delivery] = Queued(LEASES, task=DELIVER)


def ring_due_of(developer_id: UUID) -> None:
    """Ring for a delivery of the developer. Call it after commit."""
    QUEUED.ring_next(developer_id)
