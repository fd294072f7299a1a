"""Removes conversations that a user alone had with agents, and those that agents had with others for it. From those
with others only its part in them goes."""

from uuid import UUID

from agents.calls.removal import forget_calls
from agents.retention.belongings import Belonging
from agents.retention.kinds import Person, Personal
from agents.retention.pace import Pace
from agents.retention.stripping import strip_records
from julep_project.core.database import fetch

_FOUND = """
    SELECT link.session_id FROM chat_sessions_sessionuser link
    JOIN chat_sessions_session session ON session.id = link.session_id
    WHERE link.user_id = %(user)s AND session.developer_id = %(developer)s
      AND NOT EXISTS (SELECT FROM chat_sessions_sessionuser other
                      WHERE other.session_id = link.session_id AND other.user_id <> link.user_id)
    UNION
    SELECT session.id FROM chat_sessions_session session
    WHERE session.developer_id = %(developer)s
      AND session.metadata @> jsonb_build_object('called_by', jsonb_build_object('user_id', %(user)s::text))
      AND NOT EXISTS (SELECT FROM chat_sessions_sessionuser other
                      WHERE other.session_id = session.id AND other.user_id <> %(user)s)
"""
_SOME = f"{_FOUND} LIMIT 100"
_ENTRIES = """
    DELETE FROM chat_sessions_entry WHERE id IN (
        SELECT id FROM chat_sessions_entry WHERE session_id = ANY (%(sessions)s)
        ORDER BY session_id, seq LIMIT %(rows)s) RETURNING id
"""
_ENTRIES_OF_ONE = "SELECT FROM chat_sessions_entry WHERE session_id = %(id)s"
_SESSIONS = """
    DELETE FROM chat_sessions_session WHERE id IN (
        SELECT id FROM chat_sessions_session WHERE id = ANY (%(sessions)s) LIMIT %(rows)s) RETURNING id
"""


def _remove_entries(session_id: UUID, pace: Pace) -> int:
    return pace.drain(_ENTRIES, {"sessions": [session_id]})


def _remove(person: Person, pace: Pace) -> int:
    count = 0
    while found := [session_id for (session_id,) in fetch(_SOME, person.values)]:
        # First, while it is known whose they were.
        strip_records(person.developer_id, found, pace)
        pace.drain(_ENTRIES, {"sessions": found})
        forget_calls("session", found, pace)
        count += pace.drain(_SESSIONS, {"sessions": found})
    return count


SESSIONS = Personal("sessions", _FOUND, _remove)
ENTRIES = Belonging(_ENTRIES_OF_ONE, _remove_entries)
