"""Staff pages."""

from django.contrib import admin

from executions.hooks.models import Hook, HookCall
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
    """What hooks received."""

    list_display = ("created_at", "hook", "status", "http_status", "reason", "began", "began_id", "repeats")
    list_select_related = ("hook",)
    list_filter = ("status",)
    search_fields = ("id__exact", "hook__id__exact", "began_id__exact", "known_by__exact")
