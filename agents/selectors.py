"""Reads, always limited to one developer."""

from uuid import UUID

from django.db.models import QuerySet

from agents.models import Agent, Developer, Project, Tool, User
from julep_project.core.errors import NotFound
from julep_project.core.tenancy import get_or_not_found


def list_agents(developer: Developer) -> "QuerySet[Agent]":
    """Every agent, each with its project."""
    return Agent.objects.for_developer(developer).select_related("project")


def get_agent(developer: Developer, agent_id: UUID) -> Agent:
    """One agent with its project.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    return get_or_not_found(list_agents(developer), agent_id, "Agent")


def list_tools(developer: Developer, agent: Agent) -> "QuerySet[Tool]":
    return Tool.objects.for_developer(developer).filter(agent=agent)


def get_tool(developer: Developer, agent: Agent, tool_id: UUID) -> Tool:
    """One tool of the agent.

    Raises:
        NotFound: the agent has no such tool.
    """
    return get_or_not_found(list_tools(developer, agent), tool_id, "Tool")


def list_users(developer: Developer) -> "QuerySet[User]":
    """Every user, each with its project."""
    return User.objects.for_developer(developer).select_related("project")


def get_user(developer: Developer, user_id: UUID) -> User:
    """One user with its project.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    return get_or_not_found(list_users(developer), user_id, "User")


def list_projects(developer: Developer) -> "QuerySet[Project]":
    return Project.objects.for_developer(developer)


def get_project(developer: Developer, project_id: UUID) -> Project:
    """One project.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    return get_or_not_found(list_projects(developer), project_id, "Project")


def get_project_named(developer: Developer, canonical_name: str) -> Project:
    """The project with this canonical name, compared without case.

    Raises:
        NotFound: there is none.
    """
    project = list_projects(developer).filter(canonical_name__iexact=canonical_name).first()
    if project is None:
        raise NotFound(f"Project '{canonical_name}' not found")
    return project
