"""Staff pages."""

from django.contrib import admin

from executions.events.models import Event
from executions.models import EventWait
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events that are kept."""

    list_display = ("created_at", "developer", "name", "key", "source", "state", "kept_until")
    list_select_related = ("developer",)
    list_filter = ("state", "source")
    search_fields = ("id__exact", "name__exact", "key__exact")


@admin.register(EventWait)
class EventWaitAdmin(ReadOnlyAdmin):
    """Runs that wait for an event."""

    list_display = ("created_at", "developer", "name", "key", "match", "execution_id", "since", "state")
    list_select_related = ("developer",)
    list_filter = ("state",)
    search_fields = ("id__exact", "name__exact", "execution__id__exact")
