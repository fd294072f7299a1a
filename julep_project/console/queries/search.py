"""Finds what an id names, by the indexes of primary keys: the first characters of an id are a range of ids."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from julep_project.console.queries.rows import rows

SHORTEST = 8
# Of each kind; ids that begin alike were made in the same minute.
MOST = 20
_DIGITS = 32
_LONGEST_TEXT = 255
# The audit log is found by a request only near the time that a request's id tells.
_AROUND_MS = 3_600_000

# As it is typed, or as pages show it: the beginning and the end.
_ID = re.compile(r"(?:resp_|msg_)?([0-9a-f]{8}[0-9a-f-]{0,28}+)(?:(?:…|\.{3})([0-9a-f]{1,12}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """One row: what it is, when it was made, and where its page is."""

    kind: str
    id: str
    told: str
    at: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table whose ids are looked for. `page` names the route of the row, with the columns for its arguments."""

    name: str
    table: str
    told: str
    page: str
    of: str = "id"
    fragment: str = ""
    at: str = "created_at"


# Whoever receives a message knows it by its id, which is that of its deliveries to all.
_MESSAGES = """(
    SELECT m.id, m.type, m.created_at, v.id AS delivery_id
    FROM webhooks_message m JOIN webhooks_delivery v ON v.message_id = m.number
)"""
_KINDS = (
    _Kind("run", "executions_execution", "status", "admin:console_run"),
    _Kind("transition", "executions_transition", "type", "admin:console_run", "execution_id", "seq"),
    _Kind("branch", "executions_branch", "status", "admin:console_run", "execution_id"),
    _Kind("task", "tasks_task", "name", "admin:console_task"),
    _Kind("session", "chat_sessions_session", "''", "admin:console_chat"),
    _Kind("entry", "chat_sessions_entry", "role", "admin:console_chat", "session_id"),
    _Kind("doc", "docs_store_doc", "title", "admin:docs_store_doc_change"),
    _Kind("response", "chat_sessions_storedresponse", "status", "admin:responses_storedresponse_change"),
    _Kind("agent", "agents_agent", "name", "admin:agents_agent_change"),
    _Kind("user", "agents_user", "name", "admin:agents_user_change"),
    _Kind("developer", "agents_developer", "email", "admin:agents_developer_change"),
    _Kind("schedule", "schedules_schedule", "name", "admin:console_schedule"),
    _Kind("webhook", "webhooks_endpoint", "description", "admin:console_webhook"),
    _Kind("delivery", "webhooks_delivery", "state", "admin:console_delivery"),
    _Kind("message", _MESSAGES, "type", "admin:console_delivery", "delivery_id"),
    _Kind("hook", "hooks_hook", "name", "admin:console_hook"),
    _Kind("call of a hook", "hooks_hookcall", "status", "admin:console_hook_call"),
    _Kind("event", "events_event", "name", "admin:console_event"),
    _Kind("MCP server", "mcp_client_mcpserver", "name", "admin:console_server"),
    _Kind("connection", "connections_connection", "status", "admin:console_connection"),
    _Kind("tool of an MCP server", "mcp_client_mcptool", "name", "admin:console_server", "server_id"),
)


def search(text: str) -> list[Found]:
    """Everything that the id, or its beginning, may name; else what an idempotency key or a request's id names."""
    wanted = text.strip().replace("\0", "")
    found: list[Found] = []
    if match := _ID.fullmatch(wanted):
        digits, end = match[1].replace("-", "").lower(), (match[2] or "").lower()
        if len(digits) <= _DIGITS:
            low, high = UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))
            found += [one for kind in _KINDS for one in _of_kind(kind, low, high, end)]
            if low == high and not found:
                found += _of_request(wanted, low)
    if not found and 0 < len(wanted) <= _LONGEST_TEXT:
        found += _of_key(wanted)
    return found


def _of_kind(kind: _Kind, low: UUID, high: UUID, end: str) -> Iterator[Found]:
    columns = f"r.id, r.{kind.of} AS target, {_told(kind)} AS told, r.{kind.at} AS at"
    more = f", r.{kind.fragment} AS fragment" if kind.fragment else ", NULL AS fragment"
    statement = f"""
        SELECT {columns}{more} FROM {kind.table} r
        WHERE r.id BETWEEN %(low)s AND %(high)s AND right(r.id::text, %(length)s) = %(end)s
        ORDER BY r.id LIMIT %(most)s
    """
    for row in rows(statement, {"low": low, "high": high, "end": end, "length": len(end), "most": MOST}):
        url = reverse(kind.page, args=[row["target"]])
        fragment = "" if row["fragment"] is None else f"?sel={row['fragment']}"
        yield Found(kind.name, str(row["id"]), str(row["told"]), row["at"], url + fragment)


def _told(kind: _Kind) -> str:
    return kind.told if kind.told == "''" else f"r.{kind.told}"


def _of_request(text: str, request_id: UUID) -> Iterator[Found]:
    """Acts of a request whose id tells its time: the ids of the audit log do, too."""
    milliseconds = request_id.int >> 80
    low, high = (UUID(int=max(milliseconds + shift, 0) << 80) for shift in (-1000, _AROUND_MS))
    for row in rows(
        """
        SELECT r.object_kind, r.object_id, r.verb, r.created_at FROM audit_auditrecord r
        WHERE r.id BETWEEN %(low)s AND %(high)s AND r.request_id = %(text)s ORDER BY r.id LIMIT %(most)s
        """,
        {"low": low, "high": high, "text": text, "most": MOST},
    ):
        url = _page_of(row["object_kind"], row["object_id"])
        yield Found(f"request: {row['verb']} {row['object_kind']}", row["object_id"], "", row["created_at"], url)


def _page_of(kind: str, object_id: str) -> str:
    page: Any = next((one.page for one in _KINDS if one.name == {"execution": "run"}.get(kind, kind)), None)
    if page is None:
        return reverse("admin:audit_auditrecord_changelist") + f"?q={object_id}"
    return reverse(page, args=[object_id])


def _of_key(text: str) -> Iterator[Found]:
    """Requests with this idempotency key, of any developer: by one step of an index for each of them."""
    for row in rows(
        """
        SELECT k.id, k.status, k.created_at FROM agents_developer d
        JOIN idempotency_idempotencykey k ON k.developer_id = d.id AND k.key = %(key)s LIMIT %(most)s
        """,
        {"key": text, "most": MOST},
    ):
        url = reverse("admin:idempotency_idempotencykey_change", args=[row["id"]])
        yield Found("idempotency key", text, f"answered {row['status'] or 'nothing yet'}", row["created_at"], url)
