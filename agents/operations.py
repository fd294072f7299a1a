"""What system tools may do with agents, their tools, and users."""

from typing import Any

from agents import selectors, services
from agents.api.resource import ResourceOperations
from agents.api.serializers import ToolBody
from agents.api.views import AGENTS, USERS
from agents.models import Tool
from agents.tool_definitions import parse_tool, tool_to_wire
from agents.tools.presentation import shown_body
from agents.tools.system import SystemCall, operation
from julep_project.core.api.views import deletion

Json = dict[str, Any]

for _resource in (AGENTS, USERS):
    ResourceOperations(_resource).register()


@operation("agent.tool.list", ids="agent_id", page=1000)
def list_tools(call: SystemCall) -> list[Json]:
    """List the tools of an agent."""
    agent = selectors.get_agent(call.developer, call.id("agent_id"))
    return [_shown_tool(tool) for tool in call.paging().load(selectors.list_tools(call.developer, agent))]


@operation("agent.tool.get", ids="agent_id tool_id")
def get_tool(call: SystemCall) -> Json:
    """Get one tool of an agent."""
    agent = selectors.get_agent(call.developer, call.id("agent_id"))
    return _shown_tool(selectors.get_tool(call.developer, agent, call.id("tool_id")))


@operation("agent.tool.create", ids="agent_id", body=ToolBody)
def create_tool(call: SystemCall) -> Json:
    """Add a tool to an agent."""
    agent = selectors.get_agent(call.developer, call.id("agent_id"))
    definition = parse_tool(call.arguments)
    tool_id = call.new_id()
    return _shown_tool(
        services.create_tool_once(developer=call.developer, agent=agent, definition=definition, tool_id=tool_id)
    )


@operation("agent.tool.update", ids="agent_id tool_id", body=ToolBody)
def replace_tool(call: SystemCall) -> Json:
    """Overwrite a tool of an agent."""
    agent = selectors.get_agent(call.developer, call.id("agent_id"))
    definition = parse_tool(call.arguments)
    tool_id = call.id("tool_id")
    return _shown_tool(
        services.replace_tool(developer=call.developer, agent=agent, tool_id=tool_id, definition=definition)
    )


@operation("agent.tool.patch", ids="agent_id tool_id", body=ToolBody, partial=True)
def patch_tool(call: SystemCall) -> Json:
    """Change some fields of a tool of an agent; the keys of its spec are merged."""
    agent = selectors.get_agent(call.developer, call.id("agent_id"))
    changes = {name: value for name, value in call.arguments.items() if name not in ("agent_id", "tool_id")}
    tool_id = call.id("tool_id")
    return _shown_tool(services.change_tool(developer=call.developer, agent=agent, tool_id=tool_id, body=changes))


@operation("agent.tool.delete", ids="agent_id tool_id")
def delete_tool(call: SystemCall) -> Json:
    """Remove a tool from an agent."""
    agent = selectors.get_agent(call.developer, call.id("agent_id"))
    services.delete_tool(developer=call.developer, agent=agent, tool_id=call.id("tool_id"))
    return deletion(call.id("tool_id"))


def _shown_tool(tool: Tool) -> Json:
    return shown_body(tool_to_wire(tool))
