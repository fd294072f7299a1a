"""Conversations of all developers, the newest first, what was said in one, and by which calls of models."""

from typing import Any
from uuid import UUID

from julep_project.console.queries.rows import Row, rows
from julep_project.core.reading.jsontext import to_json_text

# A text is looked for in so many of the newest entries.
SEARCHED = 5_000

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
    # Very large entries are left where they lie.
    "text": f"""
        s.id IN (SELECT e.session_id
                 FROM (SELECT session_id, content FROM chat_sessions_entry ORDER BY id DESC LIMIT {SEARCHED}) AS e
                 WHERE pg_column_size(e.content) < 65536 AND strpos(lower(e.content::text), %(text)s) > 0)
    """,
}


def list_sessions(wanted: dict[str, str], *, after: UUID | None, limit: int) -> list[Row]:
    """Sessions with this agent and this user in which this text was said, from behind an id on."""
    given = {name: text for name, text in wanted.items() if text}
    if "text" in given:
        # As it stands within a value.
        given["text"] = to_json_text(given["text"].lower())[1:-1]
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


# What one chat stores stands together, and is stored at one moment.
_NEAR = 1000
# A chat has no more calls of its models.
_MOST_CALLS = 1000

_REPLY = f"""
    SELECT e.id, e.seq, e.created_at, e.name, e.model, e.token_count,
           (SELECT count(*) FROM chat_sessions_entry o
            WHERE o.session_id = e.session_id AND o.seq < e.seq AND o.seq > e.seq - {_NEAR}
              AND o.created_at = e.created_at AND o.role = 'assistant' AND o.model <> '') AS place
    FROM chat_sessions_entry e
    WHERE e.id = %(entry)s AND e.session_id = %(session)s AND e.role = 'assistant' AND e.model <> ''
"""
# The chat that was stored at that moment is the one that called last before.
_CALLS = f"""
    WITH last AS (
        SELECT key FROM calls_call
        WHERE session_id = %(session)s AND started_at <= %(stored)s AND context IS NOT NULL
        ORDER BY started_at DESC LIMIT 1)
    SELECT c.id, c.context::jsonb->'place' AS place
    FROM (SELECT id, key, context, status, started_at FROM calls_call
          WHERE session_id = %(session)s AND started_at <= %(stored)s ORDER BY started_at DESC LIMIT {_MOST_CALLS}) AS c
    WHERE c.key = (SELECT key FROM last) AND c.context IS NOT NULL AND c.status = 'ok' ORDER BY c.started_at
"""


def get_reply(session_id: UUID, entry_id: UUID) -> Row | None:
    """An entry that a model wrote; `place` counts those before it that are of the same chat."""
    found = rows(_REPLY, {"session": session_id, "entry": entry_id})
    return found[0] if found else None


def call_of(session_id: UUID, reply: Row) -> UUID | None:
    """The call whose answer the reply is; None when it is not kept."""
    found = rows(_CALLS, {"session": session_id, "stored": reply["created_at"]})
    by_place = {tuple(row["place"]): row["id"] for row in found}
    calls: list[UUID] = [by_place[place] for place in sorted(by_place)]
    return calls[reply["place"]] if reply["place"] < len(calls) else None


def titles_of(docs: list[Any]) -> list[Row]:
    """Docs by their ids, as far as they are there."""
    ids = [UUID(str(one)) for one in docs]
    return rows("SELECT id, title FROM docs_store_doc WHERE id = ANY(%s)", [ids]) if ids else []
