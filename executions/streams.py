"""Event streams of a run: read the log, then wait for news, until the run has ended."""

import base64
import binascii
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any
from uuid import UUID

from executions import selectors
from executions.announcements import topic
from executions.models import Execution, Transition
from executions.states import TERMINAL_EXECUTION
from executions.wire import status_event, transition_to_wire
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import BadRequest
from julep_project.core.live.events import HUB
from julep_project.core.live.sse import encode_event
from julep_project.core.work.draining import is_draining

# Events arrive over Redis; this is how late a stream may be while Redis is away.
_POLL_S = 2.0
_PAGE = 200


def page_token(seq: int) -> str:
    """Opaque cursor: everything up to this row of the log was sent."""
    return base64.urlsafe_b64encode(f"seq:{seq}".encode()).decode()


def seq_of_token(token: str | None) -> int:
    """The row a cursor stands for; 0 without one.

    Raises:
        BadRequest: it was not made by `page_token`.
    """
    if not token:
        return 0
    try:
        name, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if name == "seq":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise BadRequest("next_page_token is not valid")


async def stream_transitions(execution_id: UUID, after_seq: int) -> AsyncGenerator[bytes, None]:
    """Every transition after the cursor, as it is written; ends with the run's last one.

    It ends before when the server stops: whoever reads goes on from the cursor elsewhere.
    """
    seq = after_seq
    with HUB.listening(topic(execution_id)) as listener:
        while True:
            rows, ended = await run_query(partial(_transitions_page, execution_id, seq), Threads.READING)
            for row in rows:
                seq = row.seq
                yield encode_event({"transition": transition_to_wire(row), "next_page_token": page_token(seq)})
            if is_draining() or (ended and not rows):
                return
            if not rows:
                await listener.wait(_POLL_S)


def _transitions_page(execution_id: UUID, after: int) -> tuple[list[Transition], bool]:
    """Status first: a run seen as ended has all its rows in the log."""
    ended = _is_ended(execution_id)
    return selectors.list_transitions_after(execution_id, after, limit=_PAGE), ended


def _is_ended(execution_id: UUID) -> bool:
    status = Execution.objects.filter(pk=execution_id).values_list("status", flat=True).first()
    return status is None or status in TERMINAL_EXECUTION


async def stream_status(execution_id: UUID) -> AsyncGenerator[bytes, None]:
    """The run's status whenever it or its transition count has changed; ends with a terminal one."""
    rows = Execution.objects.filter(pk=execution_id).defer("input", "output")
    sent: tuple[Any, ...] | None = None
    with HUB.listening(topic(execution_id)) as listener:
        while True:
            execution = await run_query(rows.first)
            if execution is None:
                return
            seen = (execution.status, execution.transition_count)
            if seen != sent:
                sent = seen
                yield encode_event(status_event(execution))
            if is_draining() or execution.status in TERMINAL_EXECUTION:
                return
            await listener.wait(_POLL_S)
