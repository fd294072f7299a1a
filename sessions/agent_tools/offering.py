"""What is told of an agent that is a tool, and which agents may be one."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from agents.models import Agent, Developer
from agents.tool_types import ToolType
from agents.tools.body import spec_of
from julep_project.core.json_value import Json

_LONGEST_ABOUT = 1000


def about(agent: Agent) -> str:
    """What a model is told of an agent that it may talk with."""
    text = agent.about.strip()[:_LONGEST_ABOUT]
    return f"Talk with the agent {agent.name}." + (f" {text}" if text else "")


def with_agents(
    developer_id: UUID, agent_id: UUID | None, bodies: Sequence[Mapping[str, Json]], *, in_chat: bool = False
) -> list[dict[str, Any]]:
    """The bodies, those of agents with what is told of them."""
    wanted = [str(spec_of(body).get("agent_id")) for body in bodies if body.get("type") == ToolType.AGENT]
    agents = {str(each.pk): each for each in Agent.objects.filter(developer_id=developer_id, pk__in=wanted)}

    def completed(body: Mapping[str, Json]) -> dict[str, Any]:
        agent = agents.get(str(spec_of(body).get("agent_id"))) if body.get("type") == ToolType.AGENT else None
        return dict(body) if agent is None else {**body, "agent": {**spec_of(body), "about": about(agent)}}

    return [completed(body) for body in bodies]


def wrong_agent(developer: Developer, spec: Mapping[str, Json]) -> tuple[str, str] | None:
    """Why the developer cannot make a tool of what a spec names, and under which key."""
    is_there = Agent.objects.for_developer(developer).filter(pk=spec["agent_id"]).exists()
    return None if is_there else ("agent_id", "There is no such agent")
