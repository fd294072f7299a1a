"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from agents.webhooks import delivering
from agents.webhooks.rows import DELIVER


@shared_task(name=DELIVER)
def deliver(delivery_id: str) -> None:
    """Send what is due."""
    delivering.deliver(UUID(delivery_id))
