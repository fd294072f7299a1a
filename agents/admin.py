"""Staff pages. Only developers may be edited here; everything else changes through the API."""

from django.contrib import admin

from agents.models import Agent, Developer, ModelUsage, Project, Tool, User
from julep_project.core.admin import ModelAdmin, ReadOnlyAdmin


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

    list_display = ("name", "canonical_name", "model", "project", "developer", "created_at")
    list_select_related = ("project", "developer")
    list_filter = ("model",)
    search_fields = ("id", "name", "canonical_name")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """End users the agents talk with."""

    list_display = ("id", "name", "project", "developer", "created_at")
    list_select_related = ("project", "developer")
    search_fields = ("id", "name")


@admin.register(Tool)
class ToolAdmin(ReadOnlyAdmin):
    """Tools."""

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
