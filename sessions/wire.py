"""Sessions and their entries as the API shows them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from julep_project.core.clock import to_wire
from julep_project.core.json_value import Json
from sessions.models import Entry, Session


def session_to_wire(session: Session) -> dict[str, Json]:
    """The session object. Reads the links to agents and users: load them with the session."""
    agents = [link.agent_id for link in session.agent_links.all()]
    users = [link.user_id for link in session.user_links.all()]
    return with_participants(session, agents, users)


def with_participants(session: Session, agents: Sequence[UUID], users: Sequence[UUID]) -> dict[str, Json]:
    """The session object; a single agent or user is shown by itself too."""
    return {
        "id": str(session.pk),
        "created_at": to_wire(session.created_at),
        "updated_at": to_wire(session.updated_at),
        "kind": _kind(len(agents), len(users)),
        "agents": list(map(str, agents)),
        "users": list(map(str, users)),
        **({"agent": str(agents[0])} if len(agents) == 1 else {}),
        **({"user": str(users[0])} if len(users) == 1 else {}),
        "situation": session.situation,
        "system_template": session.system_template,
        "summary": session.summary,
        "render_templates": session.render_templates,
        "auto_run_tools": session.auto_run_tools,
        "forward_tool_calls": session.forward_tool_calls,
        "token_budget": session.token_budget,
        "context_overflow": session.context_overflow,
        "on_busy": session.on_busy,
        "recall_options": session.recall_options,
        "metadata": session.metadata,
    }


def entry_to_wire(entry: Entry) -> dict[str, Json]:
    stored_at = to_wire(entry.created_at)
    return {
        "id": str(entry.pk),
        "created_at": stored_at,
        "timestamp": stored_at,
        "role": entry.role,
        "name": entry.name,
        "content": entry.content,
        "source": entry.source,
        "tokenizer": entry.tokenizer,
        "token_count": entry.token_count,
        "model": entry.model,
        "tool_calls": entry.tool_calls,
        "tool_call_id": entry.tool_call_id,
    }


def history_to_wire(session: Session, entries: Iterable[Entry]) -> dict[str, Json]:
    """The history of a session."""
    return {
        "session_id": str(session.pk),
        "created_at": to_wire(session.created_at),
        "relations": [],
        "entries": [entry_to_wire(entry) for entry in entries],
    }


def _kind(agents: int, users: int) -> str:
    agent_part = "single_agent" if agents <= 1 else "multi_agent"
    return f"{agent_part}_{('no', 'single', 'multi')[min(users, 2)]}_user"
