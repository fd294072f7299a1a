"""Tells endpoints what has happened, in the transaction in which it does: what is not committed has not happened.

Much of it is told by the database itself, by triggers of the tables that say so (`docs/triggers/webhooks.md`).
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error, transaction

from agents.webhooks.rows import ring_due_of
from agents.webhooks.types import EventType
from julep_project.core.database import fetch
from julep_project.core.process.remembered import Memory
from julep_project.core.reading.jsontext import to_json_text

_RECORD = """
    SELECT developer, webhooks_record(developer, type, subject, data::jsonb)
    FROM (SELECT * FROM ROWS FROM (unnest(%s::uuid[]), unnest(%s::text[]), unnest(%s::uuid[]), unnest(%s::text[]))
              WITH ORDINALITY AS told(developer, type, subject, data, place)
          ORDER BY place OFFSET 0) AS told
"""

Event = tuple[UUID, EventType, UUID, Mapping[str, Any]]

# Whether developers have an endpoint that is told anything. One that is new is sent by the sweep until then.
_ASKED: Memory[UUID, bool] = Memory(most=10_000, for_s=10.0)


def record(developer_id: UUID, type: EventType, subject_id: UUID, data: Mapping[str, Any]) -> None:
    """Let the endpoints of a developer that ask for such events be told of this one, at least once each.

    Call it in the transaction of what has happened. Messages of one subject arrive in the order in which they are
    recorded. `data` is thin: ids and states. Costs one statement that finds nothing where nobody is to be told.
    """
    record_each([(developer_id, type, subject_id, data)])


def record_each(events: Iterable[Event]) -> None:
    """The same for many, in this order and in one statement; each developer is rung for once."""
    rows = [(developer, type.value, subject, to_json_text(data)) for developer, type, subject, data in events]
    if not rows:
        return
    found = fetch(_RECORD, [list(column) for column in zip(*rows, strict=True)])
    for developer_id in {developer_id for developer_id, told in found if told}:
        transaction.on_commit(partial(ring_due_of, developer_id))


def ring_where_asked(developer_id: UUID) -> None:
    """Have sent at once what the database itself has told endpoints of. Call it after commit.

    Costs a statement in ten seconds where there is no endpoint. What goes wrong is left to the sweep.
    """
    with suppress(Error):
        if _ASKED.find(developer_id, _is_asked):
            ring_due_of(developer_id)


def _is_asked(developer_id: UUID) -> bool:
    return bool(fetch("SELECT webhooks_is_asked(%s)", [developer_id])[0][0])
