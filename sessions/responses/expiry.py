"""Removes responses that are too old."""

from agents.retention.kinds import Kind, deletion, removed_by

# One that is being answered stays, and so does one that a newer one follows: it is part of that one's conversation.
_DUE = """
    SELECT id FROM chat_sessions_storedresponse response
    WHERE developer_id = %(developer)s AND created_at < %(before)s AND status NOT IN ('queued', 'in_progress')
      AND NOT EXISTS (SELECT FROM chat_sessions_storedresponse later WHERE later.previous_id = response.id)
"""
_REMOVE = deletion("chat_sessions_storedresponse", _DUE, order="created_at DESC")

RESPONSES = Kind("responses", "Stored responses, the last ones of a conversation first", _DUE, removed_by(_REMOVE))
