"""Users."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents import selectors, user_services
from agents.api.serializers import UserAnswer, UserBody, user_to_wire
from julep_project.core.api.api_schema import describe
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.reading.metadata_filter import metadata_condition


@describe("user", body=UserBody, answer=UserAnswer, max_limit=100)
class UserViewSet(ApiViewSet):
    """`/users` and `/users/{id}`."""

    resource = "User"
    pagination = SmallPagination

    def list(self, request: Request) -> Response:
        """Users, newest first; `project` and `metadata_filter` narrow the list."""
        rows = selectors.list_users(self.developer).filter(metadata_condition(request.query_params))
        project = request.query_params.get("project")
        if project:
            rows = rows.filter(project__canonical_name__iexact=project)
        return self.page(rows, user_to_wire)

    def create(self, request: Request) -> Response:
        """Create a user."""
        values = UserBody.read(request.data)
        return created(user_to_wire(user_services.create_user(developer=self.developer, values=values)))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One user."""
        return Response(user_to_wire(selectors.get_user(self.developer, id)))

    def create_or_update(self, request: Request, id: UUID) -> Response:
        """Overwrite the user with this id, or create it."""
        values = UserBody.read(request.data)
        user = user_services.create_or_replace_user(developer=self.developer, user_id=id, values=values)
        return created(user_to_wire(user))

    def update(self, request: Request, id: UUID) -> Response:
        """Overwrite a user."""
        values = UserBody.read(request.data)
        return Response(user_to_wire(user_services.replace_user(developer=self.developer, user_id=id, values=values)))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Change some fields."""
        values = UserBody.read(request.data, partial=True)
        return Response(user_to_wire(user_services.patch_user(developer=self.developer, user_id=id, values=values)))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a user and its documents."""
        user_services.delete_user(developer=self.developer, user_id=id)
        return deleted(id)
