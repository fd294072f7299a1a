"""`/api_keys` and `/api_keys/{id}`."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents.access import services
from agents.access.api.serializers import ConfiguredKeyAnswer, KeyAnswer, KeyBody, KeyChanges, NewKeyAnswer, key_to_wire
from agents.access.configured import configured_keys
from julep_project.core.api.api_schema import created_of, describe, page_of
from julep_project.core.api.auth import KeyScope, principal_of
from julep_project.core.api.views import ApiViewSet, created, deleted


@describe(
    "api_key",
    body=KeyBody,
    changes=KeyChanges,
    answer=KeyAnswer,
    answers={
        "list": {200: page_of("api_key", KeyAnswer, configured=ConfiguredKeyAnswer(many=True))},
        "create": {201: created_of(NewKeyAnswer)},
    },
)
class ApiKeyViewSet(ApiViewSet):
    """Keys by which programs act for the developer."""

    has_secret_answers = True
    resource = "API key"
    scope = KeyScope.ADMIN

    def list(self, request: Request) -> Response:
        """The developer's API keys, the newest first: those in force, and those that were."""
        answer = self.page(services.list_keys(self.developer), key_to_wire)
        answer.data["configured"] = configured_keys(self.developer)
        return answer

    def create(self, request: Request) -> Response:
        """Make an API key. The key itself is in this answer, and never again."""
        values = KeyBody.read(request.data)
        granted = principal_of(request).scopes
        key, text = services.create_key(developer=self.developer, values=values, granted=granted)
        answer = created({**key_to_wire(key), "key": text})
        answer["Cache-Control"] = "no-store"
        return answer

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One API key."""
        return Response(key_to_wire(services.get_key(self.developer, id)))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change the label, the scopes or the end of an API key."""
        values = KeyChanges.read(request.data, partial=True)
        granted = principal_of(request).scopes
        key = services.change_key(developer=self.developer, key_id=id, values=values, granted=granted)
        return Response(key_to_wire(key))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Revoke an API key: it opens nothing any more, also what is open now. The row stays."""
        return deleted(id, at=services.revoke_key(developer=self.developer, key_id=id))
