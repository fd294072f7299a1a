"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from sessions import jobs, overflow, turns
from sessions.responses import background, store


@shared_task(name=background.ANSWER)
def answer_response(response_id: str) -> None:
    """Answer a response nobody waits for."""
    background.answer_in_background(UUID(response_id))


@shared_task(name="sessions.sweep_responses")
def sweep_responses() -> None:
    """Ring for responses nobody looks at."""
    background.sweep_responses()


@shared_task(name="sessions.prune_responses")
def prune_responses() -> None:
    """Remove deleted responses that nothing needs any more."""
    store.prune_responses()


@shared_task(name="sessions.shorten_history")
def shorten_history(job_id: str) -> None:
    """Put the oldest part of a conversation into a summary."""
    overflow.shorten_history(UUID(job_id))


@shared_task(name="sessions.sweep_jobs")
def sweep_jobs() -> None:
    """Ring for jobs nobody looks at, and forget turns of long ago."""
    jobs.sweep_jobs()
    turns.prune_turns()
