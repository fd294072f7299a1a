"""What system tools may do with agents, their tools, and users."""

from typing import Any

from agents import selectors, services
from agents.api.resource import ResourceOperations
from agents.api.serializers import ToolBody
from agents.api.views import AGENTS, USERS
from agents.policy.influence import current_sources
from agents.policy.sources import OF_USER
from agents.tool_definitions import tool_as_shown
from agents.tools.system import SystemCall, operation
from julep_project.core.api.views import deletion

Json = dict[str, Any]

for _resource in (AGENTS, USERS):
    ResourceOperations(_resource).register()


@operation("agent.tool.list", ids="agent_id", page=1000)
def list_tools(call: SystemCall) -> list[Json]:
    """List the tools of an agent."""
    rows = selectors.list_tools(call.developer, call.id("agent_id"))
    return [tool_as_shown(tool) for tool in call.paging().load(rows)]


@operation("agent.tool.get", ids="agent_id tool_id")
def get_tool(call: SystemCall) -> Json:
    """Get one tool of an agent."""
    return tool_as_shown(selectors.get_tool(call.developer, **_ids(call)))


@operation("agent.tool.create", ids="agent_id", body=ToolBody)
def create_tool(call: SystemCall) -> Json:
    """Add a tool to an agent."""
    ids: Json = {"agent_id": call.id("agent_id"), "tool_id": call.new_id()}
    return tool_as_shown(services.create_tool(body=call.arguments, **_by(call), **ids))


@operation("agent.tool.update", ids="agent_id tool_id", body=ToolBody)
def replace_tool(call: SystemCall) -> Json:
    """Overwrite a tool of an agent."""
    return tool_as_shown(services.replace_tool(body=call.arguments, **_change_by(call), **_ids(call)))


@operation("agent.tool.patch", ids="agent_id tool_id", body=ToolBody, partial=True)
def patch_tool(call: SystemCall) -> Json:
    """Change some fields of a tool of an agent; the keys of its spec are merged."""
    ids = _ids(call)
    changes = {name: value for name, value in call.arguments.items() if name not in ids}
    return tool_as_shown(services.change_tool(body=changes, **_change_by(call), **ids))


@operation("agent.tool.delete", ids="agent_id tool_id")
def delete_tool(call: SystemCall) -> Json:
    """Remove a tool from an agent."""
    ids = _ids(call)
    services.delete_tool(developer=call.developer, **ids)
    return deletion(ids["tool_id"])


def _by(call: SystemCall) -> Json:
    return {"developer": call.developer, "may_name": call.secret_names}


def _change_by(call: SystemCall) -> Json:
    """Neither a model nor what others wrote decides about the safeguards of a tool that is there: whether people are
    asked, and so on."""
    return {**_by(call), "keeps_safeguards": call.from_model or bool(current_sources() - OF_USER)}


def _ids(call: SystemCall) -> dict[str, Any]:
    return {name: call.id(name) for name in ("agent_id", "tool_id")}
