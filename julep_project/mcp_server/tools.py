"""The list of tools, and their calls."""

from functools import partial
from typing import Any

from django.conf import settings
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, Tool

from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError
from julep_project.mcp_server import agents_as_tools, tasks_as_tools
from julep_project.mcp_server.answers import failed, refused, unknown
from julep_project.mcp_server.caller import Context, caller_of
from julep_project.mcp_server.naming import named
from julep_project.mcp_server.own_tools import OWN_TOOLS, carry_out
from julep_project.mcp_server.paging import page_of
from julep_project.mcp_server.visible import AGENT_PREFIX, TASK_PREFIX, agents_of, tasks_of


async def list_tools(context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
    """A page of the tools: the platform's own, then agents, then tasks, the newest first."""
    cursor = params.cursor if params else None
    try:
        tools, behind = await run_query(partial(_page, caller_of(context).developer, cursor))
    except DomainError as error:
        raise refused(error) from error
    return ListToolsResult(tools=tools, next_cursor=behind)


async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult | Any:
    """Call a tool. What goes wrong with it is its result, which models see."""
    caller, arguments = caller_of(context), params.arguments or {}
    own = OWN_TOOLS.get(params.name)
    try:
        if own is None or own.changes:
            caller.require_write()
        if own is not None:
            return await carry_out(own, caller, arguments)
        kind, row = await run_query(partial(_find, caller.developer, params.name))
        if kind == "agents":
            return await agents_as_tools.talk(caller, row, arguments)
        if kind == "tasks":
            return await tasks_as_tools.run(caller, context, row, arguments, settings.MCP_WAIT_SECONDS)
    except DomainError as error:
        return failed(error)
    raise unknown(f"Tool {params.name[:100]!r}")


def _page(developer: Developer, cursor: str | None) -> tuple[list[Tool], str | None]:
    rows, behind = page_of({"agents": partial(agents_of, developer), "tasks": partial(tasks_of, developer)}, cursor)
    tasks = tasks_as_tools.described([row for kind, row in rows if kind == "tasks"])
    found = [agents_as_tools.described(row) if kind == "agents" else tasks.get(row.pk) for kind, row in rows]
    own = [] if cursor else [each.tool for each in OWN_TOOLS.values()]
    return [*own, *(tool for tool in found if tool is not None)], behind


def _find(developer: Developer, name: str) -> tuple[str, Any]:
    """The agent or task that a name stands for, with its kind; an empty kind if there is none."""
    agent = named(agents_of(developer), AGENT_PREFIX, name)
    if agent is not None:
        return "agents", agent
    task = named(tasks_of(developer), TASK_PREFIX, name)
    return ("tasks", task) if task is not None else ("", None)
