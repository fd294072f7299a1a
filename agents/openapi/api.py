"""`/agents/{agent_id}/tools/import`."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.openapi.serializers import ImportAnswer, ImportBody, imported_to_wire
from agents.openapi.services import import_tools
from agents.selectors import get_agent
from julep_project.core.api.views import ApiViewSet

_AGENT = OpenApiParameter("agent_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


class ImportViewSet(ApiViewSet):
    """Operations of an OpenAPI document as tools."""

    resource = "Tool"

    @extend_schema(
        operation_id="agent_tool_import",
        parameters=[_AGENT],
        request={"application/json": ImportBody},
        responses={201: ImportAnswer, 200: ImportAnswer},
    )
    def create(self, request: Request, agent_id: UUID) -> Response:
        """Make tools of the operations of an OpenAPI document. With `dry_run`, only tell what would be made."""
        # Before anything is fetched.
        get_agent(self.developer, agent_id)
        asked, dry_run = ImportBody.request(request.data)
        imported = import_tools(developer=self.developer, agent_id=agent_id, request=asked, dry_run=dry_run)
        return Response(imported_to_wire(imported), status=200 if dry_run else 201)
