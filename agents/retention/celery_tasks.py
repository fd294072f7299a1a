"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from agents.retention import erasure


@shared_task(name=erasure.TASK)
def erase_user(job_id: str) -> None:
    """Remove all there is of a user."""
    erasure.erase_user(UUID(job_id))
