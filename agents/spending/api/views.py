"""Limits of what may be spent, and what was used."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.spending import limit_services, limits
from agents.spending.api.serializers import LimitAnswer, LimitBody, LimitChanges, UsageAnswer, limit_to_wire
from agents.spending.api.usage_request import as_csv, read_usage_request
from agents.spending.models import SpendingLimit
from agents.spending.usage import FILTERS, GROUPS, read_usage
from julep_project.core.api.api_schema import describe
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.pagination import ItemsPagination
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiMixin, ApiViewSet, created, deleted


@describe("limit", body=LimitBody, answer=LimitAnswer, changes=LimitChanges)
class LimitViewSet(ApiViewSet):
    """`/limits` and `/limits/{id}`."""

    resource = "Limit"
    scope = KeyScope.ADMIN

    def list(self, request: Request) -> Response:
        """Limits in force with what is left of each, the newest first; that of the free tier comes before them."""
        paginator = ItemsPagination()
        rows = paginator.paginate_queryset(SpendingLimit.objects.for_developer(self.developer), request)
        is_first = request.query_params.get("offset", "").strip() in {"", "0"}
        found = limits.states(self.developer, rows, with_free_tier=is_first)
        return paginator.get_paginated_response([limit_to_wire(state) for state in found])

    def create(self, request: Request) -> Response:
        """Limit what calls may cost; what was spent in the current period counts."""
        return created(self._told(limit_services.create_limit(self.developer, LimitBody.read(request.data))))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One limit."""
        return Response(self._told(limit_services.get_limit(self.developer, id)))

    def update(self, request: Request, id: UUID) -> Response:
        """Set another amount."""
        return Response(self._told(self._changed(id, LimitChanges.read(request.data))))

    def partial_update(self, request: Request, id: UUID) -> Response:
        """Set another amount."""
        return Response(self._told(self._changed(id, LimitChanges.read(request.data, partial=True))))

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a limit."""
        limit_services.delete_limit(self.developer, id)
        return deleted(id)

    @extend_schema(operation_id="limit_reset", request=None, responses=LimitAnswer)
    def reset(self, request: Request, id: UUID) -> Response:
        """Forgive what was spent in the current period."""
        return Response(self._told(limit_services.reset_limit(self.developer, id)))

    def _changed(self, limit_id: UUID, values: dict[str, Any]) -> SpendingLimit:
        return limit_services.change_limit(self.developer, limit_id, values)

    def _told(self, row: SpendingLimit) -> dict[str, Any]:
        [state] = limits.states(self.developer, [row])
        return limit_to_wire(state)


_GROUP_BY = OpenApiParameter("group_by", str, description=f"some of {', '.join(GROUPS)}, with commas between")
_DAYS = [
    OpenApiParameter("start", OpenApiTypes.DATE, description="the first day, of UTC; else that of the current month"),
    OpenApiParameter("end", OpenApiTypes.DATE, description="the first day that is not asked for"),
]
_PAGE = [
    OpenApiParameter("limit", int, description="1 to 1000"),
    OpenApiParameter("offset", int),
    OpenApiParameter("direction", str, enum=["asc", "desc"]),
    OpenApiParameter("format", str, enum=["json", "csv"]),
]
_FILTERS = [OpenApiParameter(name, str if name == "model" else OpenApiTypes.UUID) for name in FILTERS]


class UsageView(ApiMixin):
    """`/usage`."""

    resource = "Usage"

    @takes(_GROUP_BY, *_DAYS, *_FILTERS, *_PAGE, group_by="agent,day", start="2026-01-01", end="2026-02-01")
    @extend_schema(operation_id="usage", responses={200: UsageAnswer})
    def get(self, request: Request) -> HttpResponseBase:
        """What calls of models used and cost, in groups. Calls under way are not in it."""
        query = read_usage_request(request.query_params)
        rows, total = read_usage(self.developer, query)
        if request.query_params.get("format") == "csv":
            return HttpResponse(as_csv(rows, query), content_type="text/csv; charset=utf-8")
        days = {"start": query.start.isoformat(), "end": query.end.isoformat()}
        return Response({"items": rows, "total": total, **days})
