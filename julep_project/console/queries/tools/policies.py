"""Agents of all developers with what their policies say, and what came of that: tasks that were warned of, calls that
people were asked about, and what they decided."""

from typing import Any
from uuid import UUID

from agents.models import Agent, Tool
from agents.policy.policy import Policy
from agents.policy.sources import in_order
from agents.tool_definitions import tool_to_wire
from agents.tool_types import NEVER
from agents.tools.properties.danger import is_dangerous
from agents.tools.properties.properties import properties_of
from agents.tools.registry import completed_tools
from julep_project.console.queries.owners import OF_DEVELOPER, naming
from julep_project.console.queries.rows import Row, rows

# Of each kind of thing so many of the newest are looked through or shown.
LOOKED_AT = 20_000
MOST_TOOLS = 300
MOST_TASKS = 500
MOST_HELD = 50

_AGENTS = f"""
    SELECT a.*, d.email AS developer, counted.*
    FROM (SELECT * FROM (SELECT id, name, policy, developer_id FROM agents_agent
                         WHERE {{behind}} ORDER BY id DESC LIMIT {LOOKED_AT}) AS newest
          WHERE {{narrowed}} ORDER BY id DESC LIMIT %(limit)s) AS a
    JOIN agents_developer d ON d.id = a.developer_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS tools, count(*) FILTER (WHERE t.effect = 'dangerous') AS dangerous,
               count(*) FILTER (WHERE t.approval <> 'never') AS asked_about
        FROM (SELECT effect, approval FROM agents_tool WHERE agent_id = a.id LIMIT {MOST_TOOLS}) AS t) AS counted
    ORDER BY a.id DESC
"""
# Whose policy it is, and whether it keeps tasks out.
_KINDS = {
    "usual": "policy IS NULL",
    "own": "policy IS NOT NULL",
    "refusing": "policy ? 'tainted'",
}
KINDS = tuple(_KINDS)


def list_agents(*, kind: str, name: str, developer: str, after: UUID | None, limit: int) -> list[Row]:
    """Agents, the newest first: with a kind of policy, a name, of a developer, if given."""
    narrowed = [_KINDS[kind]] if kind else []
    if name:
        narrowed.append("lower(name) = lower(%(name)s)")
    if developer:
        narrowed.append(OF_DEVELOPER)
    statement = _AGENTS.format(
        behind="true" if after is None else "id < %(after)s", narrowed=" AND ".join(narrowed) or "true"
    )
    return [_told(row) for row in rows(statement, {"after": after, "limit": limit, "name": name, **naming(developer)})]


def get_agent(agent_id: UUID) -> Row | None:
    """One of them."""
    found = rows(_AGENTS.format(behind="id = %(agent)s", narrowed="true"), {"agent": agent_id, "limit": 1})
    return _told(found[0]) if found else None


def _told(row: Row) -> Row:
    policy = Policy.of(row["policy"])
    kind = "refusing" if policy.refuses else "own" if policy.is_own else "usual"
    return {**row, "kind": kind, "tainted": in_order(policy.tainted), "allow": sorted(policy.allow)}


def list_tools(agent: Row) -> list[Row]:
    """What its tools do, those of MCP servers among them, the dangerous ones first."""
    policy = Policy.of(agent["policy"])
    owner = Agent(pk=agent["id"], developer_id=agent["developer_id"])
    stored = [tool_to_wire(tool) for tool in Tool.objects.filter(agent=owner).order_by("name")[:MOST_TOOLS]]
    bodies = completed_tools(owner.developer_id, owner.pk, stored)
    found = [_tool(body, policy) for body in bodies[: 2 * MOST_TOOLS]]
    return sorted(found, key=lambda tool: (not tool["is_dangerous"], tool["effect"], tool["name"]))


def _tool(body: dict[str, Any], policy: Policy) -> Row:
    properties = properties_of(body)
    return {
        "id": body.get("id"),
        "name": body["name"],
        "type": body["type"],
        "effect": properties.effect.value,
        "is_said": "effect" in body,
        "is_dangerous": is_dangerous(body, policy),
        "is_allowed": policy.allows(body["name"]),
        "approval": "" if properties.approval == NEVER else properties.approval,
        "rate": properties.rate,
    }


_TASKS = f"""
    SELECT t.id, t.name, v.number, v.created_at, v.warnings
    FROM (SELECT id, name, version_number FROM tasks_task WHERE agent_id = %(agent)s
          ORDER BY created_at DESC, id DESC LIMIT {MOST_TASKS}) AS t
    JOIN tasks_taskversion v ON v.task_id = t.id AND v.number = t.version_number
    WHERE v.warnings @> '[{{"type": "dangerous_call"}}]' AND pg_column_size(v.warnings) < 65536
    ORDER BY v.created_at DESC, v.id DESC LIMIT %(limit)s
"""


def list_warned(agent: Row) -> list[Row]:
    """Tasks whose authors were told of dangerous calls, with what they were told of the version that is current."""
    policy = Policy.of(agent["policy"])
    return [_task(row, policy) for row in rows(_TASKS, {"agent": agent["id"], "limit": MOST_HELD})]


def _task(row: Row, policy: Policy) -> Row:
    warnings = [one for one in row["warnings"] if one["type"] == "dangerous_call"]
    return {
        **row,
        "warnings": warnings,
        "is_refused": policy.refuses and any(_is_held(one, policy) for one in warnings),
    }


def _is_held(warning: dict[str, Any], policy: Policy) -> bool:
    """Whether the policy of now keeps out what was only told of when the task was made."""
    details = warning.get("details") or {}
    tool, sources = str(details.get("tool", "")), details.get("sources") or {}
    return not policy.allows(tool) and any(
        policy.tainted & frozenset(each) and not policy.allows(tool, name) for name, each in sources.items()
    )


_ROUNDS = f"""
    SELECT p.session_id, p.created_at, p.expires_at, p.calls
    FROM (SELECT * FROM chat_sessions_pendinground WHERE expires_at > now()
          ORDER BY expires_at DESC LIMIT {LOOKED_AT}) AS p
    WHERE p.agent_id = %(agent)s AND p.decided IS NULL AND pg_column_size(p.calls) < 65536
    ORDER BY p.created_at LIMIT %(limit)s
"""


def list_held_in_chats(agent: Row) -> list[Row]:
    """Calls of the agent in chats that people are asked about now, with what the model had read."""
    found = rows(_ROUNDS, {"agent": agent["id"], "limit": MOST_HELD})
    asked = [(row, call) for row in found for call in row["calls"] if call.get("asked") is not None]
    return [
        {
            "session_id": row["session_id"],
            "created_at": row["created_at"],
            "tool": call["asked"]["tool"],
            "sources": call.get("sources") or [],
        }
        for row, call in asked[:MOST_HELD]
    ]


_DECISIONS = f"""
    WITH decided AS MATERIALIZED (
        SELECT * FROM (SELECT id, created_at, actor_kind, actor_id, actor_label, verb, object_kind, object_id, after
                       FROM audit_auditrecord WHERE developer_id = %(developer)s
                       ORDER BY created_at DESC, id DESC LIMIT {LOOKED_AT}) AS newest
        WHERE verb = 'resume' AND after ? 'decision' AND object_kind IN ('execution', 'session'))
    SELECT * FROM decided a
    WHERE CASE a.object_kind
        WHEN 'execution' THEN EXISTS (
            SELECT FROM executions_execution e JOIN tasks_task t ON t.id = e.task_id
            WHERE e.id = a.object_id::uuid AND t.agent_id = %(agent)s)
        ELSE EXISTS (
            SELECT FROM chat_sessions_sessionagent s
            WHERE s.session_id = a.object_id::uuid AND s.agent_id = %(agent)s) END
    ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s
"""


def list_decisions(agent: Row) -> list[Row]:
    """What people decided lately about calls in runs of its tasks, and in chats that it takes part in."""
    named = {"agent": agent["id"], "developer": agent["developer_id"], "limit": MOST_HELD}
    return rows(_DECISIONS, named)
