"""Staff pages. Only developers may be edited here; everything else changes through the API."""

from collections.abc import Mapping
from typing import ClassVar

from django.contrib import admin

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
