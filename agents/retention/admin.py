"""Staff pages."""

from django.contrib import admin

from agents.retention.models import Erasure, RetentionPeriod
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(RetentionPeriod)
class RetentionPeriodAdmin(ReadOnlyAdmin):
    """Periods that developers set."""

    list_display = ("developer", "kind", "days", "updated_at")
    list_select_related = ("developer",)
    search_fields = ("developer__id__exact",)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Users that were erased, or are being."""

    list_display = ("created_at", "developer", "user_id", "state", "progress", "attempts")
    list_select_related = ("developer",)
    list_filter = ("state",)
    search_fields = ("id__exact", "user_id__exact")
