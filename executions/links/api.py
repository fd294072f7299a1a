"""`.../transitions/{transition_id}/links`: links by which a wait is answered without an account."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from executions.links import services
from executions.links.models import WaitLink
from julep_project.core.api.api_schema import created_of, describe
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import Example, JsonObject, StoredAnswer, StrictBody, Text, Timestamp


class LinkBody(StrictBody):
    """A new link. All of it may be left out."""

    example = Example(answers_as="Ada", expires_in=86400)

    answers_as = Text(required=False, max_length=200, help_text="whom it is for, as the log will tell who answered")
    expires_in = serializers.IntegerField(
        required=False,
        min_value=services.SHORTEST_S,
        max_value=services.LONGEST_S,
        help_text="seconds until it ends; a week without",
    )


class LinkAnswer(StoredAnswer):
    """A link, without what opens it."""

    execution_id = serializers.UUIDField()
    transition_id = serializers.UUIDField()
    answers_as = Text()
    made_by = JsonObject()
    expires_at = Timestamp()
    answered_at = Timestamp(allow_null=True)
    revoked_at = Timestamp(allow_null=True)


class NewLinkAnswer(LinkAnswer):
    """A link as it is shown once."""

    url = Text(help_text="the link itself: it cannot be had again")


def link_to_wire(link: WaitLink) -> dict[str, Any]:
    moments = ("expires_at", "answered_at", "revoked_at")
    told = {name: None if (moment := getattr(link, name)) is None else to_wire(moment) for name in moments}
    ids = {"execution_id": str(link.execution_id), "transition_id": str(link.wait_id)}
    return {**row_to_wire(link, "answers_as", "made_by"), **ids, **told}


def url_of(request: HttpRequest, token: str) -> str:
    """Where the page behind a link is, for the world outside."""
    return f"{settings.PUBLIC_URL or request.build_absolute_uri('/')[:-1]}/answers/{token}"


@describe(
    "link",
    body=LinkBody,
    answer=LinkAnswer,
    ids=("execution_id", "transition_id", "id"),
    answers={"create": {201: created_of(NewLinkAnswer)}},
)
class LinkViewSet(ApiViewSet):
    """Links to one wait."""

    has_secret_answers = True
    resource = "Link"

    @extend_schema(operation_id="link_list")
    def list(self, request: Request, execution_id: UUID, transition_id: UUID) -> Response:
        """Links to the wait, whatever became of them, the newest first."""
        return self.page(services.list_links(self.developer, execution_id, transition_id), link_to_wire)

    def create(self, request: Request, execution_id: UUID, transition_id: UUID) -> Response:
        """Make a link. Its `url` is in this answer, and never again."""
        link, token = services.make_link(
            developer=self.developer, execution_id=execution_id, wait_id=transition_id, **LinkBody.read(request.data)
        )
        answer = created({**link_to_wire(link), "url": url_of(request._request, token)})
        answer["Cache-Control"] = "no-store"
        return answer

    def destroy(self, request: Request, execution_id: UUID, transition_id: UUID, id: UUID) -> Response:
        """Take a link back: nobody can answer by it any more. The row stays."""
        revoked_at = services.revoke_link(
            developer=self.developer, execution_id=execution_id, wait_id=transition_id, link_id=id
        )
        return deleted(id, at=revoked_at)
