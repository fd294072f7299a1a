"""Instructions of agents as prompts."""

from functools import partial
from typing import Any

from mcp_types import (
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptMessage,
    TextContent,
)

from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError
from julep_project.mcp_server.answers import refused, unknown
from julep_project.mcp_server.caller import Context, caller_of
from julep_project.mcp_server.naming import name_of, named
from julep_project.mcp_server.paging import page_of
from julep_project.mcp_server.visible import AGENT_PREFIX, agents_of


async def list_prompts(context: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
    """A page of the agents that have instructions, the newest first."""
    cursor = params.cursor if params else None
    try:
        rows, behind = await run_query(
            partial(page_of, {"agents": partial(_agents, caller_of(context).developer)}, cursor)
        )
    except DomainError as error:
        raise refused(error) from error
    prompts = [
        Prompt(name=name_of(AGENT_PREFIX, agent.canonical_name), title=agent.name, description=agent.about or None)
        for _, agent in rows
    ]
    return ListPromptsResult(prompts=prompts, next_cursor=behind)


async def get_prompt(context: Context, params: GetPromptRequestParams) -> GetPromptResult:
    """The instructions of an agent, as it has them."""
    agents = _agents(caller_of(context).developer)
    agent = await run_query(partial(named, agents, AGENT_PREFIX, params.name))
    if agent is None:
        raise unknown("Prompt")
    text = "\n".join(str(line) for line in agent.instructions)
    return GetPromptResult(
        description=agent.about or None, messages=[PromptMessage(role="user", content=TextContent(text=text))]
    )


def _agents(developer: Developer) -> Any:
    return agents_of(developer).exclude(instructions=[])
