"""Staff pages."""

from django.contrib import admin

from agents.retention.models import RetentionPeriod
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(RetentionPeriod)
class RetentionPeriodAdmin(ReadOnlyAdmin):
    """Periods that developers set."""

    list_display = ("developer", "kind", "days", "updated_at")
    list_select_related = ("developer",)
    search_fields = ("developer__id__exact",)
