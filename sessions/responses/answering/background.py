"""Responses that nobody waits for: answered by a worker, and looked after when the process that had them is gone."""

import asyncio
from functools import partial
from uuid import UUID

from django.conf import settings

from julep_project.core.clock import now
from julep_project.core.errors import DomainError, ServiceUnavailable
from julep_project.core.outages import PAUSES, waiting_out, when_back
from julep_project.core.pauses.errors import Paused
from julep_project.core.pauses.standing import check_model, in_force
from julep_project.core.tenancy import tenant_scope
from julep_project.core.work.backoff import spread_s
from julep_project.core.work.lease import Held
from sessions.responses.answering.answer import ToBeRepeated, answer_whole
from sessions.responses.answering.planning import reopen
from sessions.responses.models import ResponseStatus, StoredResponse
from sessions.responses.rows.store import LEASES, QUEUED, claim_response, end_lost, end_response
from sessions.responses.wire.body import ended_body, error_of

# Between looks at whether a model is still paused.
_WHILE_PAUSED_S = 5.0


def answer_in_background(response_id: UUID) -> None:
    """Answer a queued response; does nothing when it is not queued (any more).

    While the database or the file storage is away, the model is paused, or its provider wants to be asked later, it
    waits for its next attempt, and this one is not counted.
    """
    claimed = claim_response(response_id)
    if claimed is None:
        return
    row, held = claimed
    if not row.body["background"]:
        end_lost(held)
        return
    try:
        in_force()
        check_model(str(row.body["model"]))
        with waiting_out(LEASES, held), tenant_scope(row.developer_id):
            _answer(row, held)
    except Paused:
        LEASES.wait(held, pause_s=spread_s(_WHILE_PAUSED_S, over_s=_WHILE_PAUSED_S), counted=False)
    except ToBeRepeated as repeated:
        error = repeated.error
        LEASES.wait(held, pause_s=spread_s(error.wait_s or PAUSES.first_s, over_s=error.spread_s), counted=False)
    except ServiceUnavailable:
        when_back(partial(LEASES.wait, held, pause_s=PAUSES.pause_s(1), counted=False))
    QUEUED.ring_next(row.developer_id)


def _answer(row: StoredResponse, held: Held) -> None:
    if held.attempt > settings.MAX_ATTEMPTS:
        _fail(row, held, DomainError(f"none of its {held.attempt - 1} attempts came to an end"))
        return
    try:
        begun = reopen(row, held)
    except ServiceUnavailable:
        raise
    except DomainError as error:
        _fail(row, held, error)
        return
    waited_s = (now() - row.created_at).total_seconds()
    try:
        asyncio.run(answer_whole(begun, may_wait=waited_s < settings.RATE_LIMIT_PATIENCE_S))
    except DomainError:
        return  # the row says so


def _fail(row: StoredResponse, held: Held, error: DomainError) -> None:
    failed = ended_body(row.body, status=ResponseStatus.FAILED.value, output=(), usage=None, error=error_of(error))
    end_response(held, failed)
