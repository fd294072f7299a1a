"""Task definitions for operators. They change through the API only: a task without a checked program must not exist."""

from django.contrib import admin

from julep_project.core.admin import ReadOnlyAdmin
from tasks.models import Task, TaskVersion


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks, newest first."""

    list_display = ("name", "canonical_name", "agent", "version_number", "updated_at")
    list_select_related = ("agent",)
    search_fields = ("name", "canonical_name", "id__exact")


@admin.register(TaskVersion)
class TaskVersionAdmin(ReadOnlyAdmin):
    """Immutable programs; executions are pinned to them."""

    list_display = ("task", "number", "dialect", "sha256", "created_at")
    list_select_related = ("task",)
    search_fields = ("task__name", "sha256")
