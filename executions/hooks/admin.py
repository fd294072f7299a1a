"""Staff pages."""

from django.contrib import admin

from executions.hooks.models import Hook, HookCall
from executions.hooks.request import shown_to_readers
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Hook)
class HookAdmin(ReadOnlyAdmin):
    """Addresses that others call."""

    list_display = ("name", "developer", "target", "scheme", "paused", "created_at")
    list_select_related = ("developer",)
    list_filter = ("target", "scheme", "paused")
    search_fields = ("id__exact", "name")
    exclude = ("digest",)


@admin.register(HookCall)
class HookCallAdmin(ReadOnlyAdmin):
    """What hooks received, without what may open something."""

    list_display = ("created_at", "hook", "status", "http_status", "reason", "began", "began_id", "repeats")
    list_select_related = ("hook",)
    list_filter = ("status",)
    search_fields = ("id__exact", "hook__id__exact", "began_id__exact", "known_by__exact")
    shown_as = {"request": lambda row: shown_to_readers(row.request)}
