"""Agents, their tools, users, projects and the model list."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents import project_services, selectors, services, user_services
from agents.api.resource import Resource, ResourceViewSet
from agents.api.serializers import (
    AgentAnswer,
    AgentBody,
    ModelList,
    ProjectAnswer,
    ProjectBody,
    ToolAnswer,
    ToolBody,
    UserAnswer,
    UserBody,
    agent_to_wire,
    project_to_wire,
    user_to_wire,
)
from agents.llm.choice import list_models
from agents.llm.custom_key import custom_key_of
from agents.tool_definitions import parse_tool, tool_to_wire
from julep_project.core.api.api_schema import describe
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.views import ApiViewSet, created, deleted

AGENTS = Resource(
    noun="agent",
    body=AgentBody,
    to_wire=agent_to_wire,
    rows=selectors.list_agents,
    get=selectors.get_agent,
    create=services.create_agent,
    replace=services.replace_agent,
    patch=services.patch_agent,
    create_or_replace=services.create_or_replace_agent,
    delete=services.delete_agent,
    has_project=True,
    texts={"delete": "Delete an agent with everything that belongs to it."},
)
USERS = Resource(
    noun="user",
    body=UserBody,
    to_wire=user_to_wire,
    rows=selectors.list_users,
    get=selectors.get_user,
    create=user_services.create_user,
    replace=user_services.replace_user,
    patch=user_services.patch_user,
    create_or_replace=user_services.create_or_replace_user,
    delete=user_services.delete_user,
    has_project=True,
    texts={"delete": "Delete a user with its documents."},
)
PROJECTS = Resource(
    noun="project",
    body=ProjectBody,
    to_wire=project_to_wire,
    rows=selectors.list_projects,
    get=selectors.get_project,
    create=project_services.create_project,
    replace=project_services.replace_project,
    patch=project_services.patch_project,
    create_or_replace=project_services.create_or_replace_project,
    delete=project_services.delete_project,
    texts={"delete": "Delete an empty project."},
)


@describe("agent", body=AgentBody, answer=AgentAnswer, text=AGENTS.text)
class AgentViewSet(ResourceViewSet):
    """`/agents` and `/agents/{id}`."""

    resource = "Agent"
    of = AGENTS


@describe("user", body=UserBody, answer=UserAnswer, max_limit=100, text=USERS.text)
class UserViewSet(ResourceViewSet):
    """`/users` and `/users/{id}`."""

    resource = "User"
    pagination = SmallPagination
    of = USERS


@describe("project", body=ProjectBody, answer=ProjectAnswer, text=PROJECTS.text)
class ProjectViewSet(ResourceViewSet):
    """`/projects` and `/projects/{id}`."""

    resource = "Project"
    of = PROJECTS


class ModelViewSet(ApiViewSet):
    """`/agents/models`."""

    resource = "Model"

    @extend_schema(operation_id="agent_models", responses=ModelList)
    def list(self, request: Request) -> Response:
        """The models this server can call, with the caller's own key if one is sent along."""
        names = list_models(custom_key_of(request.headers))
        return Response({"models": [{"id": name} for name in names]})


@describe("agent_tool", body=ToolBody, answer=ToolAnswer, ids=("agent_id", "tool_id"))
class ToolViewSet(ApiViewSet):
    """`/agents/{agent_id}/tools` and `/agents/{agent_id}/tools/{tool_id}`."""

    resource = "Tool"

    def list(self, request: Request, agent_id: UUID) -> Response:
        """The agent's tools."""
        agent = selectors.get_agent(self.developer, agent_id)
        return self.page(selectors.list_tools(self.developer, agent), tool_to_wire)

    def create(self, request: Request, agent_id: UUID) -> Response:
        """Add a tool."""
        agent = selectors.get_agent(self.developer, agent_id)
        definition = parse_tool(request.data)
        return created(tool_to_wire(services.create_tool(developer=self.developer, agent=agent, definition=definition)))

    def retrieve(self, request: Request, agent_id: UUID, tool_id: UUID) -> Response:
        """One tool."""
        agent = selectors.get_agent(self.developer, agent_id)
        return Response(tool_to_wire(selectors.get_tool(self.developer, agent, tool_id)))

    def update(self, request: Request, agent_id: UUID, tool_id: UUID) -> Response:
        """Overwrite a tool."""
        agent = selectors.get_agent(self.developer, agent_id)
        definition = parse_tool(request.data)
        tool = services.replace_tool(developer=self.developer, agent=agent, tool_id=tool_id, definition=definition)
        return Response(tool_to_wire(tool))

    def partial_update(self, request: Request, agent_id: UUID, tool_id: UUID) -> Response:
        """Change some fields; the keys of the spec are merged."""
        agent = selectors.get_agent(self.developer, agent_id)
        tool = services.change_tool(developer=self.developer, agent=agent, tool_id=tool_id, body=request.data)
        return Response(tool_to_wire(tool))

    def destroy(self, request: Request, agent_id: UUID, tool_id: UUID) -> Response:
        """Remove a tool."""
        agent = selectors.get_agent(self.developer, agent_id)
        services.delete_tool(developer=self.developer, agent=agent, tool_id=tool_id)
        return deleted(tool_id)
