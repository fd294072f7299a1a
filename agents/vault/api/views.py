"""Secrets of a developer and of an agent."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents.vault import services
from agents.vault.api.serializers import SecretAnswer, SecretBody, secret_to_wire
from julep_project.core.api.api_schema import describe
from julep_project.core.api.pagination import NewestFirstPagination
from julep_project.core.api.query import IGNORED_METADATA_FILTER
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.reading.parsers import SecretJsonParser


class _Secrets(ApiViewSet):
    resource = "Secret"
    pagination = NewestFirstPagination
    parser_classes = (SecretJsonParser,)

    def list(self, request: Request, agent_id: UUID | None = None) -> Response:
        """Secrets, the newest first, without their values, as a bare array."""
        return self.page(services.list_secrets(self.developer, agent_id), secret_to_wire)

    def create(self, request: Request, agent_id: UUID | None = None) -> Response:
        """Store a secret; its value is told to nobody any more."""
        values = SecretBody.read(request.data)
        return created(
            secret_to_wire(services.create_secret(developer=self.developer, values=values, agent_id=agent_id))
        )

    def update(self, request: Request, **ids: UUID) -> Response:
        """Overwrite a secret; what is left out gets its default."""
        values = SecretBody.read(request.data)
        return Response(secret_to_wire(services.replace_secret(developer=self.developer, values=values, **ids)))

    def destroy(self, request: Request, **ids: UUID) -> Response:
        """Remove a secret; what names it fails from then on."""
        services.delete_secret(developer=self.developer, **ids)
        return deleted(ids["secret_id"])


_LISTED: dict[str, Any] = {"bare": True, "is_sorted": False, "query": [IGNORED_METADATA_FILTER]}


@describe("secret", body=SecretBody, answer=SecretAnswer, ids=("secret_id",), **_LISTED)
class SecretViewSet(_Secrets):
    """`/secrets` and `/secrets/{secret_id}`."""


@describe("agent_secret", body=SecretBody, answer=SecretAnswer, ids=("agent_id", "secret_id"), **_LISTED)
class AgentSecretViewSet(_Secrets):
    """`/agents/{agent_id}/secrets` and `/agents/{agent_id}/secrets/{secret_id}`: of one agent, which comes first."""
