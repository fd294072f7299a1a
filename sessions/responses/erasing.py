"""Removes responses that were made for a user, as `user` or `metadata.user_id` says, and those that follow them, which
are parts of the same conversation."""

from agents.calls.removal import forget_calls
from agents.retention.kinds import Person, Personal
from agents.retention.pace import Pace, Row

_FOUND = """
    SELECT id FROM chat_sessions_storedresponse response
    WHERE developer_id = %(developer)s
      AND (body->>'user' = %(user)s::text OR body->'metadata'->>'user_id' = %(user)s::text)
"""
# The last ones first: what another follows is kept until that has gone.
_REMOVE = """
    WITH RECURSIVE theirs AS (
        SELECT id FROM chat_sessions_storedresponse
        WHERE developer_id = %(developer)s
          AND (body->>'user' = %(user)s::text OR body->'metadata'->>'user_id' = %(user)s::text)
        UNION
        SELECT later.id FROM theirs JOIN chat_sessions_storedresponse later ON later.previous_id = theirs.id
        WHERE later.developer_id = %(developer)s)
    DELETE FROM chat_sessions_storedresponse WHERE id IN (
        SELECT theirs.id FROM theirs
        WHERE NOT EXISTS (SELECT FROM chat_sessions_storedresponse later WHERE later.previous_id = theirs.id)
        LIMIT %(rows)s) RETURNING id
"""


def _remove(person: Person, pace: Pace) -> int:
    def forget(removed: list[Row]) -> None:
        forget_calls("response", [response_id for (response_id,) in removed], pace)

    return pace.drain(_REMOVE, person.values, forget)


RESPONSES = Personal("responses", _FOUND, _remove)
