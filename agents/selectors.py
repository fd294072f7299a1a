"""Reads, always limited to one developer."""

from uuid import UUID

from django.db.models import QuerySet

from agents.models import Agent, Developer, Project, Tool
from julep_project.core.errors import NotFound
from julep_project.core.tenancy import get_or_not_found


def get_agent(developer: Developer, agent_id: UUID) -> Agent:
    """One agent with its project.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    agents: QuerySet[Agent] = Agent.objects.for_developer(developer).select_related("project")
    return get_or_not_found(agents, agent_id, "Agent")


def list_tools(developer: Developer, agent_id: UUID) -> "QuerySet[Tool]":
    """The tools of an agent.

    Raises:
        NotFound: there is no such agent.
    """
    return Tool.objects.for_developer(developer).filter(agent=get_agent(developer, agent_id))


def get_tool(developer: Developer, agent_id: UUID, tool_id: UUID) -> Tool:
    """One tool of the agent.

    Raises:
        NotFound: there is no such agent, or it has no such tool.
    """
    return get_or_not_found(list_tools(developer, agent_id), tool_id, "Tool")


def get_project_named(developer: Developer, canonical_name: str) -> Project:
    """The project with this canonical name, compared without case.

    Raises:
        NotFound: there is none.
    """
    named = Project.objects.for_developer(developer).filter(canonical_name__iexact=canonical_name)
    project: Project | None = named.first()
    if project is None:
        raise NotFound(f"Project '{canonical_name}' not found")
    return project
