"""Staff pages. Only developers may be edited here; everything else changes through the API."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from agents.access.developers import make_default_project
from agents.models import Agent, Developer, ModelUsage, Project, Tool, User
from agents.tool_definitions import tool_to_wire
from agents.tools.presentation import shown_tool
from agents.tools.presets import without_values
from julep_project.core.admin import ModelAdmin, ReadOnlyAdmin, Show


@admin.register(Developer)
class DeveloperAdmin(ModelAdmin):
    """Tenants."""

    list_display = ("id", "email", "active", "tags", "created_at")
    list_filter = ("active",)
    search_fields = ("id", "email")
    readonly_fields = ("id", "created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Developer, form: Any, change: bool) -> None:
        """A developer with its default project, which it also gets if it was made without one."""
        super().save_model(request, obj, form, change)
        make_default_project(obj.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would go with the developers, as numbers: they may own more rows than a page, or a process, can hold."""
        told, numbers = [], {}
        for developer in objs:
            owned = _owned(developer)
            numbers.update(owned)
            told.append([str(developer), [f"{name}: {number}" for name, number in owned.items()]])
        return told, numbers, set(), []


# What a developer owns is counted no further.
_COUNTED = 1000


def _owned(developer: Developer) -> dict[str, str]:
    """How many rows of each kind are the developer's own."""
    found = {}
    for relation in Developer._meta.related_objects:
        rows = relation.related_model._base_manager.filter(**{relation.field.name: developer})
        number = rows.order_by()[: _COUNTED + 1].values("pk").count()
        if number and relation.on_delete is not models.DO_NOTHING:
            name = str(relation.related_model._meta.verbose_name_plural)
            found[name] = f"more than {_COUNTED}" if number > _COUNTED else str(number)
    return found


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """Projects."""

    list_display = ("canonical_name", "name", "developer", "created_at")
    list_select_related = ("developer",)
    search_fields = ("canonical_name", "name")


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    """Agents."""

    shown_as: ClassVar[Mapping[str, Show]] = {"metadata": lambda agent: without_values(agent.metadata)}

    list_display = ("name", "canonical_name", "model", "project", "developer", "created_at")
    list_select_related = ("project", "developer")
    list_filter = ("model",)
    search_fields = ("id", "name", "canonical_name")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """End users the agents talk with."""

    shown_as: ClassVar[Mapping[str, Show]] = {"metadata": lambda user: without_values(user.metadata)}

    list_display = ("id", "name", "project", "developer", "created_at")
    list_select_related = ("project", "developer")
    search_fields = ("id", "name")


@admin.register(Tool)
class ToolAdmin(ReadOnlyAdmin):
    """Tools: what models are told of them. The definitions hold passwords, so they are not shown."""

    exclude = ("spec",)
    shown_as: ClassVar[Mapping[str, Show]] = {"parameters": lambda tool: shown_tool(tool_to_wire(tool))["parameters"]}

    list_display = ("name", "type", "agent", "developer", "created_at")
    list_select_related = ("agent", "developer")
    list_filter = ("type",)
    search_fields = ("id", "name")


@admin.register(ModelUsage)
class ModelUsageAdmin(ReadOnlyAdmin):
    """What model calls used."""

    list_display = (
        "created_at",
        "model",
        "developer",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "estimated",
        "custom_api_used",
    )
    list_select_related = ("developer",)
    list_filter = ("model", "estimated", "custom_api_used")
    date_hierarchy = "created_at"
