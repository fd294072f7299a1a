"""MCP servers of all developers, and the tools each was found to have."""

from uuid import UUID

from julep_project.console.queries.owners import OF_DEVELOPER, naming
from julep_project.console.queries.rows import Row, rows

# Whether the definition wants a tool of its server; what a task defines itself is not known here.
_CHOSEN = """coalesce((SELECT jsonb_typeof(d.spec->'tools') IS DISTINCT FROM 'array' OR d.spec->'tools' ? t.name
                        FROM agents_tool d WHERE d.id = {tool_id}), true)"""
_SERVERS = """
    SELECT s.*, a.name AS agent, d.email AS developer, counted.*
    FROM (SELECT id, name, place, transport, protocol, server_info, listed_at, problem, left_out, agent_id, tool_id,
                 developer_id, created_at, updated_at
          FROM mcp_client_mcpserver s WHERE {narrowed} ORDER BY id DESC LIMIT %(limit)s) AS s
    JOIN agents_agent a ON a.id = s.agent_id JOIN agents_developer d ON d.id = s.developer_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS known, count(*) FILTER (WHERE {chosen}) AS tools,
               count(*) FILTER (WHERE t.state = 'changed') AS changed,
               count(*) FILTER (WHERE t.state = 'new') AS new_ones, count(*) FILTER (WHERE t.state = 'gone') AS gone
        FROM mcp_client_mcptool t WHERE t.server_id = s.id) AS counted
    ORDER BY s.id DESC
"""
_OTHERWISE = "s.id IN (SELECT t.server_id FROM mcp_client_mcptool t WHERE t.state IN ('changed', 'new'))"
# How they stand, the worse of what is true of one first.
_STATES = {
    "unreachable": "s.problem <> ''",
    "changed": f"s.problem = '' AND {_OTHERWISE}",
    "accepted": f"s.problem = '' AND NOT {_OTHERWISE}",
}
STATES = tuple(_STATES)


def list_servers(*, state: str, developer: str, after: UUID | None, limit: int) -> list[Row]:
    """Servers, the newest first; with a state, those that stand so; with a developer, by id or e-mail, theirs."""
    narrowed = [_STATES[state]] if state else []
    if after is not None:
        narrowed.append("s.id < %(after)s")
    if developer:
        narrowed.append(OF_DEVELOPER)
    values = {"after": after, "limit": limit, **naming(developer)}
    return [
        _told(row)
        for row in rows(
            _SERVERS.format(chosen=_CHOSEN.format(tool_id="s.tool_id"), narrowed=" AND ".join(narrowed) or "true"),
            values,
        )
    ]


def get_server(server_id: UUID) -> Row | None:
    """One of them."""
    found = rows(
        _SERVERS.format(chosen=_CHOSEN.format(tool_id="s.tool_id"), narrowed="s.id = %(id)s"),
        {"id": server_id, "limit": 1},
    )
    return _told(found[0]) if found else None


def _told(row: Row) -> Row:
    state = "changed" if row["changed"] or row["new_ones"] else "accepted"
    return {**row, "state": "unreachable" if row["problem"] else state}


# Those somebody has to look at come first, and no more than these are shown: what is gone is kept.
MOST_SHOWN = 500
_TOOLS = f"""
    SELECT t.id, t.name, t.mark, t.state, t.hash, t.found->>'hash' AS found_hash, t.updated_at,
           {_CHOSEN.format(tool_id="s.tool_id")} AS is_chosen
    FROM mcp_client_mcptool t JOIN mcp_client_mcpserver s ON s.id = t.server_id WHERE t.server_id = %s
    ORDER BY array_position(ARRAY['changed', 'new', 'gone', 'accepted'], t.state::text), t.name
    LIMIT %s
"""


def list_tools(server_id: UUID) -> list[Row]:
    """What a server was found to have, the first of it, with the hash of what each is now."""
    found = rows(_TOOLS, [server_id, MOST_SHOWN])
    return [{**row, "now": row["found_hash"] or row["hash"]} for row in found]


_TOOL = """
    SELECT t.id, t.name, t.state, t.description, t.input_schema, t.output_schema, t.annotations, t.hash, t.found
    FROM mcp_client_mcptool t WHERE t.server_id = %s AND t.name = %s
"""


def get_tool(server_id: UUID, name: str) -> Row | None:
    """One of them: as it was accepted, and what is `found` now where that is something else."""
    found = rows(_TOOL, [server_id, name])
    return found[0] if found else None
