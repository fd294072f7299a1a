"""Reads, always limited to one developer."""

import hashlib
from collections.abc import Collection, Mapping
from uuid import UUID

from django.db.models import QuerySet

from agents.mcp.models import McpServer
from agents.models import Developer, Tool
from agents.tool_types import ToolType
from agents.tools.body import canonical, spec_of
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.json_value import Json
from julep_project.core.tenancy import get_or_not_found

# Of the tools of a server.
ALL = "all"


def definition_of(tool: Mapping[str, Json]) -> str:
    """What the server of a tool's body is known by. That of a stored tool is another one if its address is; one that a
    task defines is, too, if it is sent other headers."""
    server = spec_of(tool).get("server")
    known_by = dict(server) if isinstance(server, Mapping) else {}
    if "id" in tool:
        known_by.pop("headers", None)
    return hashlib.sha256(canonical(known_by).encode(errors="replace")).hexdigest()


def is_chosen(spec: Mapping[str, Json], name: str) -> bool:
    """Whether the definition of a tool wants this tool of its server."""
    chosen = spec.get("tools", ALL)
    return chosen == ALL or (isinstance(chosen, list) and name in chosen)


def chosen_in_vain(spec: Mapping[str, Json], known: Collection[str]) -> list[str]:
    """The tools that the definition of a tool wants, and its server does not have."""
    chosen = spec.get("tools", ALL)
    return [str(name) for name in chosen if name not in known] if isinstance(chosen, list) else []


def servers(developer: Developer) -> "QuerySet[McpServer]":
    """All servers with their tools."""
    rows = McpServer.objects.for_developer(developer).select_related("tool")
    found: QuerySet[McpServer] = rows.prefetch_related("tools")
    return found


def get_mcp_tool(developer: Developer, agent_id: UUID, tool_id: UUID) -> Tool:
    """A stored tool of the kind `mcp`.

    Raises:
        NotFound: the agent has no such tool. BadRequest: it is of another kind.
    """
    tool: Tool = get_or_not_found(Tool.objects.for_developer(developer).filter(agent_id=agent_id), tool_id, "Tool")
    if tool.type != ToolType.MCP:
        raise BadRequest("The tool is not of the type `mcp`")
    return tool


def get_server(developer: Developer, agent_id: UUID, tool_id: UUID) -> McpServer:
    """The server of a stored tool.

    Raises:
        NotFound: there is no such tool, or nothing is known of its server yet. BadRequest: the tool is of another kind.
    """
    tool = get_mcp_tool(developer, agent_id, tool_id)
    server = servers(developer).filter(tool=tool).first()
    if server is None:
        raise NotFound("Nothing is known of the server of this tool yet; refresh it")
    return server
