"""`/retention`: how long rows are kept; and `/users/{id}/erase`."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.retention.erasure import start_erasure
from agents.retention.models import MOST_DAYS
from agents.retention.periods import Period, forget_period, get_period, list_periods, set_period
from agents.retention.removal import count_due
from julep_project.core.api.api_schema import page_of
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet
from julep_project.core.reading.fields import Answer, Example, StrictBody, Text
from julep_project.core.reading.validation import read_flag


class PeriodBody(StrictBody):
    """How long; null: for ever."""

    example = Example(days=90)

    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, allow_null=True)


class PeriodAnswer(Answer):
    """A period as it is answered."""

    sometimes = frozenset({"due"})

    kind = Text()
    description = Text()
    days = serializers.IntegerField(allow_null=True, help_text="null: for ever")
    is_default = serializers.BooleanField(help_text="whether the server's default counts")
    due = serializers.IntegerField(required=False, help_text="rows that would be removed now, for a dry run")


class RetentionViewSet(ApiViewSet):
    """`/retention` and `/retention/{kind}`."""

    resource = "Retention period"
    scope = KeyScope.ADMIN

    @takes(OpenApiParameter("dry_run", OpenApiTypes.BOOL))
    @extend_schema(operation_id="retention_list", responses=page_of("period", PeriodAnswer))
    def list(self, request: Request) -> Response:
        """Every kind with its period; with `dry_run`, how many rows are too old, and none is removed."""
        due = count_due(self.developer) if read_flag(request.query_params, "dry_run") else {}
        return Response({"items": [_to_wire(period, due) for period in list_periods(self.developer)]})

    @extend_schema(operation_id="retention_retrieve", responses=PeriodAnswer)
    def retrieve(self, request: Request, kind: str) -> Response:
        """The period of one kind."""
        return Response(_to_wire(get_period(self.developer, kind)))

    @extend_schema(operation_id="retention_update", request=PeriodBody, responses=PeriodAnswer)
    def update(self, request: Request, kind: str) -> Response:
        """Set the period of one kind."""
        days = PeriodBody.read(request.data)["days"]
        return Response(_to_wire(set_period(developer=self.developer, kind=kind, days=days)))

    @extend_schema(operation_id="retention_destroy", request=None, responses={200: PeriodAnswer})
    def destroy(self, request: Request, kind: str) -> Response:
        """Let the server's default count again."""
        return Response(_to_wire(forget_period(developer=self.developer, kind=kind)))


class ErasureAnswer(Answer):
    """What erases a user as it is answered."""

    id = serializers.UUIDField()
    jobs = serializers.ListField(child=serializers.UUIDField())


class ErasureViewSet(ApiViewSet):
    """`/users/{id}/erase`."""

    resource = "User"
    scope = KeyScope.ADMIN

    @extend_schema(operation_id="user_erase", request=None, responses={202: ErasureAnswer})
    def create(self, request: Request, id: UUID) -> Response:
        """Remove all there is of a user, in the background: `GET /jobs/{id}` tells how far it is, and what was
        removed."""
        job_id = start_erasure(developer=self.developer, user_id=id)
        return Response({"id": str(id), "jobs": [str(job_id)]}, status=202)


def _to_wire(period: Period, due: dict[str, int] | None = None) -> dict[str, Any]:
    name = period.kind.name
    shown = {"kind": name, "description": period.kind.text, "days": period.days, "is_default": period.is_default}
    return shown | ({"due": due[name]} if due and name in due else {})
