"""What system tools may do with agents, their tools, and users."""

from typing import Any

from agents import selectors, services, user_services
from agents.api.serializers import AgentBody, ToolBody, UserBody, agent_to_wire, user_to_wire
from agents.models import Agent, Tool, User
from agents.tool_definitions import parse_tool, tool_to_wire
from agents.tools.presentation import shown_body
from agents.tools.presets import without_values
from agents.tools.system import METADATA_FILTER, SystemCall, operation
from julep_project.core.api.views import deletion

Json = dict[str, Any]
_PROJECT = {"project": {"type": "string", "description": "Canonical name of a project"}}


@operation("agent.list", page=1000, more={**METADATA_FILTER, **_PROJECT})
def list_agents(call: SystemCall) -> list[Json]:
    """List agents, the newest first."""
    rows = selectors.list_agents(call.developer)
    project = call.arguments.get("project")
    if project:
        rows = rows.filter(project__canonical_name__iexact=str(project))
    return [_shown_agent(agent) for agent in call.paging().load(call.narrowed(rows))]


@operation("agent.get", ids="agent_id")
def get_agent(call: SystemCall) -> Json:
    """Get one agent."""
    return _shown_agent(selectors.get_agent(call.developer, call.id("agent_id")))


@operation("agent.create", body=AgentBody)
def create_agent(call: SystemCall) -> Json:
    """Create an agent."""
    values = AgentBody.read(call.arguments)
    agent_id = call.new_id()
    return _shown_agent(services.create_or_replace_agent(developer=call.developer, agent_id=agent_id, values=values))


@operation("agent.update", ids="agent_id", body=AgentBody)
def replace_agent(call: SystemCall) -> Json:
    """Overwrite an agent; what is left out gets its default."""
    values = AgentBody.read(call.arguments)
    agent_id = call.id("agent_id")
    return _shown_agent(services.replace_agent(developer=call.developer, agent_id=agent_id, values=values))


@operation("agent.patch", ids="agent_id", body=AgentBody, partial=True)
def patch_agent(call: SystemCall) -> Json:
    """Change some fields of an agent; metadata is merged."""
    values = AgentBody.read(call.arguments, partial=True)
    agent_id = call.id("agent_id")
    return _shown_agent(services.patch_agent(developer=call.developer, agent_id=agent_id, values=values))


@operation("agent.create_or_update", ids="agent_id", body=AgentBody)
def create_or_replace_agent(call: SystemCall) -> Json:
    """Overwrite the agent with this id, or create it."""
    values = AgentBody.read(call.arguments)
    agent_id = call.id("agent_id")
    return _shown_agent(services.create_or_replace_agent(developer=call.developer, agent_id=agent_id, values=values))


@operation("agent.delete", ids="agent_id")
def delete_agent(call: SystemCall) -> Json:
    """Delete an agent with everything that belongs to it."""
    services.delete_agent(developer=call.developer, agent_id=call.id("agent_id"))
    return deletion(call.id("agent_id"))


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


@operation("user.list", page=1000, more={**METADATA_FILTER, **_PROJECT})
def list_users(call: SystemCall) -> list[Json]:
    """List users, the newest first."""
    rows = selectors.list_users(call.developer)
    project = call.arguments.get("project")
    if project:
        rows = rows.filter(project__canonical_name__iexact=str(project))
    return [_shown_user(user) for user in call.paging().load(call.narrowed(rows))]


@operation("user.get", ids="user_id")
def get_user(call: SystemCall) -> Json:
    """Get one user."""
    return _shown_user(selectors.get_user(call.developer, call.id("user_id")))


@operation("user.create", body=UserBody)
def create_user(call: SystemCall) -> Json:
    """Create a user."""
    values = UserBody.read(call.arguments)
    user_id = call.new_id()
    return _shown_user(user_services.create_or_replace_user(developer=call.developer, user_id=user_id, values=values))


@operation("user.update", ids="user_id", body=UserBody)
def replace_user(call: SystemCall) -> Json:
    """Overwrite a user; what is left out gets its default."""
    values = UserBody.read(call.arguments)
    user_id = call.id("user_id")
    return _shown_user(user_services.replace_user(developer=call.developer, user_id=user_id, values=values))


@operation("user.patch", ids="user_id", body=UserBody, partial=True)
def patch_user(call: SystemCall) -> Json:
    """Change some fields of a user; metadata is merged."""
    values = UserBody.read(call.arguments, partial=True)
    user_id = call.id("user_id")
    return _shown_user(user_services.patch_user(developer=call.developer, user_id=user_id, values=values))


@operation("user.create_or_update", ids="user_id", body=UserBody)
def create_or_replace_user(call: SystemCall) -> Json:
    """Overwrite the user with this id, or create it."""
    values = UserBody.read(call.arguments)
    user_id = call.id("user_id")
    return _shown_user(user_services.create_or_replace_user(developer=call.developer, user_id=user_id, values=values))


@operation("user.delete", ids="user_id")
def delete_user(call: SystemCall) -> Json:
    """Delete a user with its documents."""
    user_services.delete_user(developer=call.developer, user_id=call.id("user_id"))
    return deletion(call.id("user_id"))


def _shown_agent(agent: Agent) -> Json:
    return {**agent_to_wire(agent), "metadata": without_values(agent.metadata)}


def _shown_user(user: User) -> Json:
    return {**user_to_wire(user), "metadata": without_values(user.metadata)}


def _shown_tool(tool: Tool) -> Json:
    return shown_body(tool_to_wire(tool))
