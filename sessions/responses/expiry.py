"""Removes responses and conversations that are too old."""

from agents.retention.kinds import Expired, Kind, deletion, removed_by
from agents.retention.pace import Pace
from julep_project.core.database import fetch

# One that is being answered stays, and so does one that a newer one follows: it is part of that one's conversation.
_DUE = """
    SELECT id FROM chat_sessions_storedresponse response
    WHERE developer_id = %(developer)s AND created_at < %(before)s AND status NOT IN ('queued', 'in_progress')
      AND NOT EXISTS (SELECT FROM chat_sessions_storedresponse later WHERE later.previous_id = response.id)
"""
_REMOVE = deletion("chat_sessions_storedresponse", _DUE, order="created_at DESC")

RESPONSES = Kind("responses", "Stored responses, the last ones of a conversation first", _DUE, removed_by(_REMOVE))

_CONVERSATIONS_DUE = """
    SELECT id FROM responses_conversation conversation
    WHERE developer_id = %(developer)s AND changed_at < %(before)s
"""
# First the items, which may be many: a statement for the conversation alone would take them all at once.
_ITEMS = """
    DELETE FROM responses_conversationitem WHERE id IN (
        SELECT id FROM responses_conversationitem WHERE conversation_id = ANY (%(conversations)s) LIMIT %(rows)s)
    RETURNING id
"""
_CONVERSATIONS = """
    DELETE FROM responses_conversation WHERE id IN (
        SELECT id FROM responses_conversation
        WHERE id = ANY (%(conversations)s) AND changed_at < %(before)s LIMIT %(rows)s) RETURNING id
"""


def _remove_conversations(expired: Expired, pace: Pace) -> int:
    count = 0
    while found := fetch(f"{_CONVERSATIONS_DUE} ORDER BY changed_at LIMIT 100", expired.values):
        some = {**expired.values, "conversations": [conversation_id for (conversation_id,) in found]}
        pace.drain(_ITEMS, some)
        count += pace.drain(_CONVERSATIONS, some)
    return count


CONVERSATIONS = Kind(
    "conversations", "Conversations of responses, with their items", _CONVERSATIONS_DUE, _remove_conversations
)
