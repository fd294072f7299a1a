"""Responses that nobody waits for: answered by a worker, and looked after when the process that had them is gone."""

import asyncio
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from julep_project.core.errors import DomainError
from julep_project.core.events import publish
from julep_project.core.rings import ring
from sessions.models import ResponseStatus, StoredResponse
from sessions.responses.answering import answer_whole
from sessions.responses.planning import reopen
from sessions.responses.store import claim_response, end_response, queue_again, topic
from sessions.responses.wire import ended_body, error_of

ANSWER = "sessions.answer_response"
_BATCH = 200


def ring_response(response_id: UUID) -> None:
    """Send the message that makes a worker answer the response."""
    ring(ANSWER, response_id)


def answer_in_background(response_id: UUID) -> None:
    """Answer a queued response; does nothing when it is not queued (any more)."""
    row = claim_response(response_id)
    if row is None:
        return
    if row.attempts > settings.MAX_ATTEMPTS:
        _fail(row, DomainError(f"the worker was lost in each of {row.attempts - 1} attempts"))
        return
    try:
        begun = reopen(row)
    except DomainError as error:
        _fail(row, error)
        return
    try:
        asyncio.run(answer_whole(begun))
    except DomainError:
        return  # the row says so


def _fail(row: StoredResponse, error: DomainError) -> None:
    failed = ended_body(row.body, status=ResponseStatus.FAILED.value, output=(), usage=None, error=error_of(error))
    end_response(row.pk, failed)


def sweep_responses() -> int:
    """Ring for responses that nobody looks at, and end those whose connection died with its server. Returns how many.

    It answers nothing itself, so any number may run.
    """
    with transaction.atomic():
        due = StoredResponse.objects.filter(lease_until__lt=Now()).select_for_update(skip_locked=True)
        rows = list(due.order_by("lease_until")[:_BATCH])
        for row in rows:
            if row.body["background"]:
                queue_again(row)
                transaction.on_commit(partial(ring_response, row.pk))
            else:
                _end_lost(row)
    return len(rows)


def _end_lost(row: StoredResponse) -> None:
    error = {"code": "server_error", "message": "the server that was answering was lost"}
    failed = ended_body(row.body, status=ResponseStatus.FAILED.value, output=(), usage=None, error=error)
    StoredResponse.objects.filter(pk=row.pk).update(status=ResponseStatus.FAILED, body=failed, lease_until=None)
    transaction.on_commit(partial(publish, topic(row.pk)))
