"""Messages of schedules to sessions: sent by a worker under the lease of their occurrence, and answered in the session.

The chat has the id of the occurrence, so one that is repeated after a crash has the answer that it was given already.
"""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from agents.spending.attribution import attributed
from executions.schedules.actors import actor_of
from executions.schedules.models import Occurrence, OccurrenceState, Overlap, Target
from julep_project.core.actor import acting_as
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest, DomainError, ServiceUnavailable
from julep_project.core.outages import PAUSES, waiting_out, when_back
from julep_project.core.tenancy import tenant_scope
from julep_project.core.work import rings
from julep_project.core.work.lease import Held, Leases
from julep_project.core.work.queued import Queued
from sessions.chat.chat import ChatCall, answer_chat
from sessions.context.chat_request import ChatRequest
from sessions.errors import SessionBusy, TurnDropped, TurnInterrupted, TurnLost
from sessions.models import OnBusy

TASK = "schedules.send_message"
LEASES: Leases[Occurrence] = Leases(
    Occurrence,
    Q(state=OccurrenceState.STARTED, target=Target.SESSION),
    ring=lambda key: rings.ring(TASK, key),
    # Each takes a thread for as long as it is answered, and other work needs some.
    at_once=max(1, settings.IO_THREADS // 4),
)
QUEUED = Queued(LEASES, task=TASK)
# Before it is looked at again whether the session is still busy.
_BUSY_PAUSE_S = 5.0
# Whom the message is from, as models are told.
FROM = "platform"
LONGEST_MESSAGE = 100_000
_LONGEST_REASON = 500


def message_of(given: Any, session_id: UUID | None, overlap: str) -> dict[str, Any]:
    """The session that an occurrence is for, and the chat that it begins there. While another is under way in the
    session its row waits, and no thread does, unless what is old is to be cancelled.

    Raises:
        BadRequest
    """
    text = given.get("message") if isinstance(given, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise BadRequest("The message of a schedule is a text")
    if len(text) > LONGEST_MESSAGE:
        raise BadRequest(f"The message of a schedule has at most {LONGEST_MESSAGE} characters")
    busy = OnBusy.INTERRUPT if overlap == Overlap.CANCEL_OLD else OnBusy.REJECT
    chat = {"messages": [{"role": "user", "name": FROM, "content": text}], "on_busy": busy.value}
    return {"session_id": str(session_id), "chat": chat}


def send_message(occurrence_id: UUID) -> None:
    """Send the message of an occurrence, and wait for the answer; does nothing when there is nothing to send."""
    held = LEASES.claim(occurrence_id)
    if held is None:
        return
    row = Occurrence.objects.select_related("schedule", "developer").filter(pk=occurrence_id).first()
    if row is None:
        return
    with (
        LEASES.holding(held),
        waiting_out(LEASES, held),
        tenant_scope(row.developer_id),
        acting_as(actor_of(row.schedule)),
        attributed(key_id=row.schedule.key_id),
    ):
        _send(row, held)
    QUEUED.ring_next(row.developer_id)


def _send(row: Occurrence, held: Held) -> None:
    if held.attempt > settings.MAX_ATTEMPTS:
        _end(held, OccurrenceState.FAILED, f"none of its {held.attempt - 1} attempts came to an end")
        return
    assert row.input is not None
    try:
        call = ChatCall(
            developer=row.developer,
            session_id=UUID(row.input["session_id"]),
            request=ChatRequest.read(row.input["chat"]),
            chat_id=row.pk,
        )
        asyncio.run(answer_chat(call))
    except (TurnInterrupted, TurnDropped) as error:
        _end(held, OccurrenceState.CANCELLED, error.explanation)
    except SessionBusy:
        when_back(partial(LEASES.wait, held, pause_s=_BUSY_PAUSE_S, counted=False))
    except DomainError as error:
        # Of a turn that was lost nothing was said, and another attempt may have its own.
        if error.is_final or not (error.retryable or isinstance(error, TurnLost)):
            _end(held, OccurrenceState.FAILED, error.explanation)
            return
        counted = not isinstance(error, ServiceUnavailable)
        when_back(partial(LEASES.wait, held, pause_s=PAUSES.pause_s(held.attempt), counted=counted))
    else:
        _end(held, OccurrenceState.DONE)


def _end(held: Held, state: OccurrenceState, reason: str = "") -> None:
    write = partial(LEASES.end, held, state=state, reason=reason[:_LONGEST_REASON], ended_at=DatabaseNow())
    when_back(write)
