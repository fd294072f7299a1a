"""Task definitions for operators. They change through the API only: a task without a checked program must not exist."""

from collections.abc import Mapping
from typing import ClassVar

from django.contrib import admin

from agents.tools.presentation import shown_tool, with_shown_tools
from agents.tools.presets import without_values
from julep_project.core.admin import ReadOnlyAdmin, Show
from tasks.models import Task, TaskVersion


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks, newest first."""

    shown_as: ClassVar[Mapping[str, Show]] = {"metadata": lambda task: without_values(task.metadata)}

    list_display = ("name", "canonical_name", "agent", "version_number", "updated_at")
    list_select_related = ("agent",)
    search_fields = ("name", "canonical_name", "id__exact")


@admin.register(TaskVersion)
class TaskVersionAdmin(ReadOnlyAdmin):
    """Immutable programs; executions are pinned to them. Definitions of tools are shown as models are told of them."""

    exclude = ("program",)
    shown_as: ClassVar[Mapping[str, Show]] = {
        "source": lambda version: with_shown_tools(version.source),
        "tools": lambda version: [shown_tool(tool) for tool in version.tools],
    }

    list_display = ("task", "number", "dialect", "sha256", "created_at")
    list_select_related = ("task",)
    search_fields = ("task__name", "sha256")
