"""Conversations of all developers, the newest first, and what was said in one."""

from typing import Any
from uuid import UUID

from julep_project.console.queries.rows import Row, rows

_SESSIONS = """
    SELECT s.id, s.created_at, s.updated_at, s.entry_count, s.developer_id, s.metadata,
           ARRAY(SELECT a.name FROM chat_sessions_sessionagent l JOIN agents_agent a ON a.id = l.agent_id
                 WHERE l.session_id = s.id ORDER BY l.position LIMIT 5) AS agents,
           ARRAY(SELECT coalesce(nullif(u.name, ''), u.id::text) FROM chat_sessions_sessionuser l
                 JOIN agents_user u ON u.id = l.user_id WHERE l.session_id = s.id ORDER BY l.position LIMIT 5) AS users
    FROM chat_sessions_session s WHERE {narrowed} ORDER BY s.id DESC LIMIT %(limit)s
"""
_WITH = {
    "agent": """
        s.id IN (SELECT l.session_id FROM chat_sessions_sessionagent l JOIN agents_agent a ON a.id = l.agent_id
                 WHERE a.name = %(agent)s OR a.canonical_name = %(agent)s OR a.id::text = %(agent)s)
    """,
    "user": """
        s.id IN (SELECT l.session_id FROM chat_sessions_sessionuser l JOIN agents_user u ON u.id = l.user_id
                 WHERE u.name = %(user)s OR u.id::text = %(user)s)
    """,
}


def list_sessions(wanted: dict[str, str], *, after: UUID | None, limit: int) -> list[Row]:
    """Sessions with this agent and this user, from behind an id on."""
    given = {name: text for name, text in wanted.items() if text}
    narrowed = [_WITH[name] for name in given] + (["s.id < %(after)s"] if after else [])
    statement = _SESSIONS.format(narrowed=" AND ".join(narrowed) or "true")
    return rows(statement, {**given, "after": after, "limit": limit})


def get_session(session_id: UUID) -> Row | None:
    """One session as the list has it."""
    found = rows(_SESSIONS.format(narrowed="s.id = %(id)s"), {"id": session_id, "limit": 1})
    return found[0] if found else None


_ENTRIES = """
    SELECT e.id, e.seq, e.created_at, e.role, e.name, e.source, e.model, e.token_count, e.tool_call_id,
           e.superseded_by_id, CASE WHEN pg_column_size(e.content) < 262144 THEN e.content END AS content,
           pg_column_size(e.content) >= 262144 AS is_large, e.tool_calls
    FROM chat_sessions_entry e WHERE e.session_id = %(session)s AND e.seq > %(after)s ORDER BY e.seq LIMIT %(limit)s
"""


def list_entries(session_id: UUID, *, after: int, limit: int) -> list[Row]:
    """What was said, in the order in which it was stored."""
    return rows(_ENTRIES, {"session": session_id, "after": after, "limit": limit})


def text_of(content: Any) -> str:
    """The text in an entry's content: a text, or the texts of its parts; other parts by their kind."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part for part in content if isinstance(part, dict))
    return "\n".join(str(part.get("text") or f"[{part.get('type', 'part')}]") for part in parts)
