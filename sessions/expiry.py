"""Removes what was said so long ago that it is not to be kept. Sessions stay, and whatever was said since."""

from typing import Any

from agents.retention.kinds import Expired, Kind
from agents.retention.pace import Pace
from julep_project.core.database import fetch

# The oldest entry of a session tells whether it has any that is too old; it is found by the index of their numbers.
_SESSIONS = """
    SELECT session.id, session.created_at FROM chat_sessions_session session
    WHERE session.developer_id = %(developer)s AND session.created_at < %(before)s
      AND (session.created_at, session.id) > (%(behind_time)s, %(behind)s)
      AND (SELECT entry.created_at FROM chat_sessions_entry entry WHERE entry.session_id = session.id
           ORDER BY entry.seq LIMIT 1) < %(before)s
    ORDER BY session.created_at, session.id LIMIT 100
"""
_DUE = """
    SELECT entry.id FROM chat_sessions_session session JOIN chat_sessions_entry entry ON entry.session_id = session.id
    WHERE session.developer_id = %(developer)s AND session.created_at < %(before)s AND entry.created_at < %(before)s
"""
# The first ones first: they go before the summary that stands for them.
_ENTRIES = """
    DELETE FROM chat_sessions_entry WHERE id IN (
        SELECT id FROM chat_sessions_entry WHERE session_id = ANY (%(sessions)s) AND created_at < %(before)s
        ORDER BY session_id, seq LIMIT %(rows)s) RETURNING id
"""


def _remove(expired: Expired, pace: Pace) -> int:
    count = 0
    behind: dict[str, Any] = {"behind": "00000000-0000-0000-0000-000000000000", "behind_time": "-infinity"}
    while found := fetch(_SESSIONS, {**expired.values, **behind}):
        sessions = [session_id for session_id, _ in found]
        count += pace.drain(_ENTRIES, {**expired.values, "sessions": sessions})
        behind = {"behind": found[-1][0], "behind_time": found[-1][1]}
    return count


ENTRIES = Kind("entries", "Messages of sessions", _DUE, _remove)
