"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from executions.bulk import working


@shared_task(name=working.TASK)
def work_on(bulk_id: str) -> None:
    """Act on some more of the runs."""
    working.work_on(UUID(bulk_id))
