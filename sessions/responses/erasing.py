"""Removes responses that were made for a user, as `user` or `metadata.user_id` says, those that follow them, which are
parts of the same conversation, and conversations that they were made in."""

from agents.calls.removal import forget_calls
from agents.retention.kinds import Person, Personal
from agents.retention.pace import Pace, Row
from julep_project.core.database import fetch


def _is_theirs(text: str) -> str:
    """Whether a text is the id of the user, in capitals or without hyphens, too."""
    return f"replace(lower({text}), '-', '') = replace(%(user)s::text, '-', '')"


_CONVERSATIONS_FOUND = f"""
    SELECT id FROM responses_conversation conversation
    WHERE developer_id = %(developer)s
      AND (%(user)s::text = ANY (users) OR {_is_theirs("metadata->>'user_id'")})
"""
# In their conversations nobody else's are told from theirs.
_THEIRS = f"""
    developer_id = %(developer)s
    AND ({_is_theirs("body->>'user'")} OR {_is_theirs("body->'metadata'->>'user_id'")}
         OR body->'conversation'->>'id' IN (
             SELECT 'conv_' || replace(id::text, '-', '') FROM ({_CONVERSATIONS_FOUND}) AS conversation))
"""
_FOUND = f"SELECT id FROM chat_sessions_storedresponse response WHERE {_THEIRS}"
# The last ones first: what another follows is kept until that has gone.
_REMOVE = f"""
    WITH RECURSIVE theirs AS (
        SELECT id FROM chat_sessions_storedresponse WHERE {_THEIRS}
        UNION
        SELECT later.id FROM theirs JOIN chat_sessions_storedresponse later ON later.previous_id = theirs.id
        WHERE later.developer_id = %(developer)s)
    DELETE FROM chat_sessions_storedresponse WHERE id IN (
        SELECT theirs.id FROM theirs
        WHERE NOT EXISTS (SELECT FROM chat_sessions_storedresponse later WHERE later.previous_id = theirs.id)
        LIMIT %(rows)s) RETURNING id
"""
_ITEMS = """
    DELETE FROM responses_conversationitem WHERE id IN (
        SELECT id FROM responses_conversationitem WHERE conversation_id = ANY (%(conversations)s) LIMIT %(rows)s)
    RETURNING id
"""
_CONVERSATIONS = """
    DELETE FROM responses_conversation WHERE id IN (
        SELECT id FROM responses_conversation WHERE id = ANY (%(conversations)s) LIMIT %(rows)s) RETURNING id
"""


def _remove(person: Person, pace: Pace) -> int:
    def forget(removed: list[Row]) -> None:
        forget_calls("response", [response_id for (response_id,) in removed], pace)

    return pace.drain(_REMOVE, person.values, forget)


def _remove_conversations(person: Person, pace: Pace) -> int:
    """After the responses in them, which are known by them."""
    count = 0
    while found := fetch(f"{_CONVERSATIONS_FOUND} LIMIT 100", person.values):
        some = {"conversations": [conversation_id for (conversation_id,) in found]}
        pace.drain(_ITEMS, some)
        count += pace.drain(_CONVERSATIONS, some)
    return count


RESPONSES = Personal("responses", _FOUND, _remove)
CONVERSATIONS = Personal("conversations", _CONVERSATIONS_FOUND, _remove_conversations)
