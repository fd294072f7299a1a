"""Staff pages."""

from django.contrib import admin

from executions.bulk.models import BulkAction, BulkItem
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyAdmin):
    """Acts on many runs."""

    list_display = ("created_at", "developer", "action", "state", "matched", "done", "skipped", "failed", "why")
    list_select_related = ("developer",)
    list_filter = ("action", "state")
    search_fields = ("id__exact",)


@admin.register(BulkItem)
class BulkItemAdmin(ReadOnlyAdmin):
    """What became of each run."""

    list_display = ("bulk", "execution_id", "outcome", "error", "result", "created_at")
    list_filter = ("outcome",)
    search_fields = ("bulk__id__exact", "execution_id__exact")
