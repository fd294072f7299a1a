"""Tells endpoints what has happened, in the transaction in which it does: what is not committed has not happened.

Much of it is told by the database itself, by triggers of the tables that say so (`docs/triggers/webhooks.md`).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.webhooks.rows import ring_due_of
from agents.webhooks.types import EventType
from julep_project.core.database import fetch
from julep_project.core.reading.jsontext import to_json_text

_RECORD = "SELECT webhooks_record(%s, %s, %s, %s::jsonb)"


def record(developer_id: UUID, type: EventType, subject_id: UUID, data: Mapping[str, Any]) -> None:
    """Let the endpoints of a developer that ask for such events be told of this one, at least once each.

    Call it in the transaction of what has happened. Messages of one subject arrive in the order in which they are
    recorded. `data` is thin: ids and states. Costs one statement that finds nothing where nobody is to be told.
    """
    [(told,)] = fetch(_RECORD, [developer_id, type.value, subject_id, to_json_text(data)])
    if told:
        transaction.on_commit(partial(ring_due_of, developer_id))
