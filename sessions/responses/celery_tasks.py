"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from sessions.responses.answering import background
from sessions.responses.rows import store


@shared_task(name=store.ANSWER)
def answer_response(response_id: str) -> None:
    """Answer a response nobody waits for."""
    background.answer_in_background(UUID(response_id))
