"""Staff pages."""

from django.contrib import admin

from executions.schedules.models import Occurrence, Schedule
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Times, and what is begun at them."""

    list_display = ("name", "developer", "target", "state", "next_nominal", "failures", "paused_reason", "created_at")
    list_select_related = ("developer",)
    list_filter = ("state", "target", "overlap", "catch_up")
    search_fields = ("id__exact", "task__id__exact", "session__id__exact")


@admin.register(Occurrence)
class OccurrenceAdmin(ReadOnlyAdmin):
    """What became of each time."""

    list_display = ("nominal", "schedule", "source", "state", "reason", "execution_id", "started_at", "ended_at")
    list_select_related = ("schedule",)
    list_filter = ("state", "source")
    search_fields = ("id__exact", "schedule__id__exact", "execution_id__exact")
