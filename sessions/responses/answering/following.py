"""Tells the events of a stored response again; of one that is being answered, once it has ended."""

from collections.abc import AsyncGenerator, Collection, Iterator
from functools import partial
from itertools import islice
from uuid import UUID

from julep_project.core.database import run_query
from julep_project.core.errors import NotFound
from sessions.responses.answering.answer import first_events, last_event, numbered
from sessions.responses.models import StoredResponse
from sessions.responses.rows.store import OPEN, UNKNOWN, wait_until_ended
from sessions.responses.wire.body import shown_body
from sessions.responses.wire.output import Event
from sessions.responses.wire.replay import replay

# Events arrive over Redis; this is how late the end may be told while Redis is away.
_POLL_S = 15.0


async def follow_response(row: StoredResponse, include: Collection[str], after: int) -> AsyncGenerator[Event, None]:
    """The events behind the number `after` (-1: all), the same whenever they are told.

    Raises:
        NotFound: the row was removed before the response had ended.
    """
    told = 0
    while True:
        for number, event in islice(enumerate(_known_events(row, include)), told, None):
            if number > after:
                yield numbered(event, number)
            told = number + 1
        if row.status not in OPEN:
            return
        await wait_until_ended(row.pk, look_every_s=_POLL_S)
        row = await run_query(partial(_load, row.pk))


def _load(response_id: UUID) -> StoredResponse:
    row: StoredResponse | None = StoredResponse.objects.defer("input_items").filter(pk=response_id).first()
    if row is None:
        raise NotFound(UNKNOWN)
    return row


def _known_events(row: StoredResponse, include: Collection[str]) -> Iterator[Event]:
    """What can be told by now."""
    body = shown_body(row.body, include)
    yield from first_events(body)
    if row.status in OPEN:
        return
    for index, item in enumerate(row.body["output"]):
        yield from replay(item, index, include)
    yield last_event(body)
