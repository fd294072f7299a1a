"""The server that the library runs: what it says of itself, and who handles what."""

from functools import cache
from typing import Any

from mcp.server.lowlevel import Server

from julep_project.core.process.release import read_release
from julep_project.mcp_server import prompts, resources, runs_as_tasks, tools
from julep_project.mcp_server.answers import told_plainly

_INSTRUCTIONS = (
    "Agents, tasks and documents of one developer. Tools that begin with `agent_` talk with an agent, those that begin "
    "with `task_` run a task. A run that takes long goes on by itself: `run_get` tells how it stands."
)


@cache
def server() -> Server[Any]:
    """One for the process: it keeps nothing between requests."""
    made: Server[Any] = Server(
        "julep",
        version=read_release(),
        title="Julep",
        instructions=_INSTRUCTIONS,
        on_list_tools=tools.list_tools,
        on_call_tool=tools.call_tool,
        on_list_resources=resources.list_resources,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read_resource,
        on_list_prompts=prompts.list_prompts,
        on_get_prompt=prompts.get_prompt,
        # No schema here has parameters that are sent as headers: the library need not look for them in all lists.
        get_tool_input_schema=lambda name: None,
    )
    runs_as_tasks.add_to(made)
    made.middleware = [told_plainly]
    return made
