"""Agents, their tools, users, projects and the model list."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents import selectors, services
from agents.api.resource import Resource, ResourceViewSet
from agents.api.serializers import (
    AgentAnswer,
    AgentBody,
    ModelName,
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
from agents.connections.providers import doubts_about_providers
from agents.llm.choice import list_models
from agents.llm.custom_key import custom_key_of
from agents.mcp import pinning
from agents.models import Tool
from agents.tool_definitions import doubts_about, doubts_about_keys, tool_to_wire
from julep_project.core.api.api_schema import describe, page_of
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.query import IGNORED_METADATA_FILTER
from julep_project.core.api.views import ApiViewSet, created, deleted

AGENTS = Resource(
    services=services.AgentServices(),
    body=AgentBody,
    to_wire=agent_to_wire,
    texts={"delete": "Delete an agent with everything that belongs to it."},
)
USERS = Resource(
    services=services.UserServices(),
    body=UserBody,
    to_wire=user_to_wire,
    texts={"delete": "Delete a user with its documents."},
)
PROJECTS = Resource(
    services=services.ProjectServices(),
    body=ProjectBody,
    to_wire=project_to_wire,
    texts={"delete": "Delete an empty project."},
)


@describe("agent", body=AgentBody, answer=AgentAnswer, text=AGENTS.text, query=AGENTS.query)
class AgentViewSet(ResourceViewSet):
    """`/agents` and `/agents/{id}`."""

    resource = "Agent"
    of = AGENTS


@describe("user", body=UserBody, answer=UserAnswer, max_limit=100, text=USERS.text, query=USERS.query)
class UserViewSet(ResourceViewSet):
    """`/users` and `/users/{id}`."""

    resource = "User"
    pagination = SmallPagination
    of = USERS


@describe("project", body=ProjectBody, answer=ProjectAnswer, text=PROJECTS.text, query=PROJECTS.query)
class ProjectViewSet(ResourceViewSet):
    """`/projects` and `/projects/{id}`."""

    resource = "Project"
    of = PROJECTS


class ModelViewSet(ApiViewSet):
    """`/agents/models`."""

    resource = "Model"

    @extend_schema(operation_id="agent_models", responses=page_of("model", ModelName, key="models"))
    def list(self, request: Request) -> Response:
        """The models this server can call, with the caller's own key if one is sent along."""
        names = list_models(custom_key_of(request.headers))
        return Response({"models": [{"id": name} for name in names]})


@describe("agent_tool", body=ToolBody, answer=ToolAnswer, ids=("agent_id", "tool_id"), query=[IGNORED_METADATA_FILTER])
class ToolViewSet(ApiViewSet):
    """`/agents/{agent_id}/tools` and `/agents/{agent_id}/tools/{tool_id}`."""

    resource = "Tool"

    def list(self, request: Request, agent_id: UUID) -> Response:
        """The agent's tools."""
        return self.page(selectors.list_tools(self.developer, agent_id), tool_to_wire)

    def create(self, request: Request, agent_id: UUID) -> Response:
        """Add a tool."""
        tool = services.create_tool(developer=self.developer, agent_id=agent_id, body=request.data)
        return created(self._written(tool, request.data))

    def retrieve(self, request: Request, **ids: UUID) -> Response:
        """One tool."""
        return Response(tool_to_wire(selectors.get_tool(self.developer, **ids)))

    def update(self, request: Request, **ids: Any) -> Response:
        """Overwrite a tool."""
        tool = services.replace_tool(developer=self.developer, body=request.data, **ids)
        return Response(self._written(tool, request.data))

    def partial_update(self, request: Request, **ids: Any) -> Response:
        """Change some fields; the keys of the spec are merged."""
        tool = services.change_tool(developer=self.developer, body=request.data, **ids)
        return Response(self._written(tool, request.data))

    def destroy(self, request: Request, **ids: UUID) -> Response:
        """Remove a tool."""
        services.delete_tool(developer=self.developer, **ids)
        return deleted(ids["tool_id"])

    def _written(self, tool: Tool, body: Any) -> dict[str, Any]:
        """The tool, with `warnings` if there is something to say."""
        wire = tool_to_wire(tool)
        warnings = [
            *doubts_about_keys(body),
            *doubts_about(self.developer, tool),
            *doubts_about_providers(self.developer, {tool.type: wire}),
            *pinning.doubts_about(tool),
        ]
        return {**wire, **({"warnings": warnings} if warnings else {})}
