"""`/connections`: who is signed in where, and `/connections/providers`: where one can sign in."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from agents.connections import providers, services
from agents.connections.addresses import document_url
from agents.connections.api.serializers import (
    ConnectionAnswer,
    ConnectionBody,
    LinkedConnectionAnswer,
    ProviderAnswer,
    ProviderBody,
    connection_to_wire,
    provider_to_wire,
)
from agents.connections.models import ConnectionStatus, Provider, Registration
from agents.tools.errors import ToolError
from julep_project.core.api.api_schema import created_of, describe
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.exception_handler import unknown_route
from julep_project.core.api.query import choice_in
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.clock import to_wire
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.reading.validation import parse_uuid
from julep_project.core.tenancy import system_scope

_USER = OpenApiParameter("user_id", OpenApiTypes.UUID, description="those of this user")
_STATUS = OpenApiParameter("status", enum=list(ConnectionStatus.values), description="that stand so")
_PROVIDER = OpenApiParameter("provider", str, description="those at the provider of this name")


@describe("connection_provider", body=ProviderBody, answer=ProviderAnswer)
class ProviderViewSet(ApiViewSet):
    """`/connections/providers` and `/connections/providers/{id}`."""

    resource = "Provider"
    scope = KeyScope.ADMIN

    def list(self, request: Request) -> Response:
        """Services that people can sign in to, the newest first."""
        return self.page(providers.list_providers(self.developer), provider_to_wire)

    def create(self, request: Request) -> Response:
        """Let people sign in to a service. Those that MCP servers name by themselves need not be made."""
        values = ProviderBody.read(request.data)
        try:
            provider = providers.create_provider(developer=self.developer, values=values)
        except ToolError as error:
            raise BadRequest(error.message) from error
        return created(provider_to_wire(provider))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One service."""
        return Response(provider_to_wire(providers.get_provider(self.developer, id)))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a service with all connections to it. Nothing is revoked there."""
        providers.delete_provider(self.developer, id)
        return deleted(id)


@describe(
    "connection",
    body=ConnectionBody,
    answer=ConnectionAnswer,
    answers={"create": {201: created_of(LinkedConnectionAnswer)}},
    query=(_USER, _STATUS, _PROVIDER),
)
class ConnectionViewSet(ApiViewSet):
    """`/connections` and `/connections/{id}`."""

    has_secret_answers = True
    resource = "Connection"

    def list(self, request: Request) -> Response:
        """Connections, the newest first, without their tokens."""
        rows, query = services.list_connections(self.developer), request.query_params
        if user_id := query.get("user_id", ""):
            rows = rows.filter(user=parse_uuid(user_id, "query", "user_id"))
        if status := choice_in(query, "status", ConnectionStatus.values):
            rows = rows.filter(status=status)
        if name := query.get("provider", ""):
            rows = rows.filter(provider__name__iexact=name)
        return self.page(rows, connection_to_wire)

    def create(self, request: Request) -> Response:
        """Have somebody sign in: `url` is for them. Of one that is there already this is another link; what it is good
        for stays until somebody has signed in anew."""
        values = ConnectionBody.read(request.data)
        try:
            named = self._provider(values.get("provider", ""), values.get("server", ""))
            provider = providers.provider_to_sign_in_at(self.developer, named)
            connection, url = services.make_link(
                self.developer, provider, values.get("user_id"), scopes=values.get("scopes", ())
            )
        except ToolError as error:
            raise BadRequest(error.message) from error
        expires_at = None if connection.link_until is None else to_wire(connection.link_until)
        answer = created({**connection_to_wire(connection), "url": url, "expires_at": expires_at})
        answer["Cache-Control"] = "no-store"
        return answer

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One connection."""
        return Response(connection_to_wire(services.get_connection(self.developer, id)))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a connection, and have the service forget its tokens."""
        services.revoke_connection(self.developer, id)
        return deleted(id)

    def _provider(self, name: str, server: str) -> Provider:
        if server:
            return providers.provider_of_server(self.developer, server)
        found = providers.find_provider(self.developer, name)
        if found is None:
            raise NotFound("Provider not found")
        return found


def client_document(request: HttpRequest, provider_id: UUID) -> HttpResponseBase:
    """`/connections/clients/{provider_id}`: who this client is, for authorization servers, which send no key. There is
    nothing of the developer in it."""
    with system_scope():
        is_there = Provider.objects.filter(pk=provider_id, registration=Registration.METADATA).exists()
    if not is_there or not settings.PUBLIC_URL:
        return unknown_route(request)
    told = {"client_id": document_url(provider_id), **providers.client_document(provider_id)}
    return JsonResponse(told, headers={"Cache-Control": "max-age=3600"})
