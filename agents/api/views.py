"""Agents, their tools, projects and the model list."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents import project_services, selectors, services
from agents.api.serializers import (
    AgentAnswer,
    AgentBody,
    ModelList,
    ProjectAnswer,
    ProjectBody,
    ToolAnswer,
    ToolBody,
    agent_to_wire,
    project_to_wire,
)
from agents.llm.choice import list_models
from agents.llm.custom_key import custom_key_of
from agents.tool_definitions import parse_tool, tool_to_wire
from julep_project.core.api.api_schema import describe
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.reading.metadata_filter import metadata_condition


@describe("agent", body=AgentBody, answer=AgentAnswer)
class AgentViewSet(ApiViewSet):
    """`/agents` and `/agents/{id}`."""

    resource = "Agent"

    def list(self, request: Request) -> Response:
        """Agents, newest first; `project` and `metadata_filter` narrow the list."""
        rows = selectors.list_agents(self.developer).filter(metadata_condition(request.query_params))
        project = request.query_params.get("project")
        if project:
            rows = rows.filter(project__canonical_name__iexact=project)
        return self.page(rows, agent_to_wire)

    def create(self, request: Request) -> Response:
        """Create an agent."""
        values = AgentBody.read(request.data)
        return created(agent_to_wire(services.create_agent(developer=self.developer, values=values)))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One agent."""
        return Response(agent_to_wire(selectors.get_agent(self.developer, id)))

    def create_or_update(self, request: Request, id: UUID) -> Response:
        """Overwrite the agent with this id, or create it."""
        values = AgentBody.read(request.data)
        agent = services.create_or_replace_agent(developer=self.developer, agent_id=id, values=values)
        return created(agent_to_wire(agent))

    def update(self, request: Request, id: UUID) -> Response:
        """Overwrite an agent."""
        values = AgentBody.read(request.data)
        agent = services.replace_agent(developer=self.developer, agent_id=id, values=values)
        return Response(agent_to_wire(agent))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change some fields."""
        values = AgentBody.read(request.data, partial=True)
        return Response(agent_to_wire(services.patch_agent(developer=self.developer, agent_id=id, values=values)))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove an agent and all that belongs to it."""
        services.delete_agent(developer=self.developer, agent_id=id)
        return deleted(id)


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


@describe("project", body=ProjectBody, answer=ProjectAnswer)
class ProjectViewSet(ApiViewSet):
    """`/projects` and `/projects/{id}`."""

    resource = "Project"

    def list(self, request: Request) -> Response:
        """Projects, newest first."""
        rows = selectors.list_projects(self.developer).filter(metadata_condition(request.query_params))
        return self.page(rows, project_to_wire)

    def create(self, request: Request) -> Response:
        """Create a project."""
        values = ProjectBody.read(request.data)
        return created(project_to_wire(project_services.create_project(developer=self.developer, values=values)))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One project."""
        return Response(project_to_wire(selectors.get_project(self.developer, id)))

    def create_or_update(self, request: Request, id: UUID) -> Response:
        """Overwrite the project with this id, or create it."""
        values = ProjectBody.read(request.data)
        project = project_services.create_or_replace_project(developer=self.developer, project_id=id, values=values)
        return created(project_to_wire(project))

    def update(self, request: Request, id: UUID) -> Response:
        """Overwrite a project."""
        values = ProjectBody.read(request.data)
        project = project_services.replace_project(developer=self.developer, project_id=id, values=values)
        return Response(project_to_wire(project))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change some fields."""
        values = ProjectBody.read(request.data, partial=True)
        project = project_services.patch_project(developer=self.developer, project_id=id, values=values)
        return Response(project_to_wire(project))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove an empty project."""
        project_services.delete_project(developer=self.developer, project_id=id)
        return deleted(id)
