"""Staff pages: records of calls."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.calls.models import Call
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    """What models and tools were asked and answered."""

    list_display = ("started_at", "kind", "name", "status", "attempt", "error_type", "execution_id", "session_id")
    list_filter = ("kind", "status")
    search_fields = ("id__exact", "execution_id__exact", "session_id__exact", "key__exact")
    exclude = ("pieces", "rest", "tools")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Call]":
        """The rows; what a page shows of their contents is read then."""
        rows: QuerySet[Call] = super().get_queryset(request)
        return rows.defer("request", "response", "pieces", "rest", "tools")
