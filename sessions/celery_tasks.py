"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from sessions.shortening import jobs, overflow


@shared_task(name=jobs.TASK)
def shorten_history(job_id: str) -> None:
    """Put the oldest part of a conversation into a summary."""
    overflow.shorten_history(UUID(job_id))
