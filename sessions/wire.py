"""Sessions and their entries as the API shows them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from julep_project.core.clock import to_wire
from julep_project.core.json_value import Json
from julep_project.core.models import row_to_wire
from sessions.models import Entry, Session

# What a client may set of a session, and its summary.
SESSION_FIELDS = (
    "situation", "system_template", "summary", "render_templates", "auto_run_tools", "forward_tool_calls",
    "token_budget", "context_overflow", "on_busy", "recall_options", "metadata",
)  # fmt: skip
_ENTRY_FIELDS = (
    "role", "name", "content", "source", "tokenizer", "token_count", "model", "tool_calls", "tool_call_id",
)  # fmt: skip


def session_to_wire(session: Session) -> dict[str, Json]:
    """The session object. Reads the links to agents and users: load them with the session."""
    agents = [link.agent_id for link in session.agent_links.all()]
    users = [link.user_id for link in session.user_links.all()]
    return with_participants(session, agents, users)


def with_participants(session: Session, agents: Sequence[UUID], users: Sequence[UUID]) -> dict[str, Json]:
    """The session object; a single agent or user is shown by itself too."""
    return {
        **row_to_wire(session),
        "kind": _kind(len(agents), len(users)),
        "agents": list(map(str, agents)),
        "users": list(map(str, users)),
        **({"agent": str(agents[0])} if len(agents) == 1 else {}),
        **({"user": str(users[0])} if len(users) == 1 else {}),
        **{name: getattr(session, name) for name in SESSION_FIELDS},
    }


def entry_to_wire(entry: Entry) -> dict[str, Json]:
    stored_at = to_wire(entry.created_at)
    fields = {name: getattr(entry, name) for name in _ENTRY_FIELDS}
    return {"id": str(entry.pk), "created_at": stored_at, "timestamp": stored_at, **fields}


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
