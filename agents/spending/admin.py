"""Staff pages: limits, how they stand, and sums of days."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.spending import limit_services, limits
from agents.spending.models import SpendingLimit, SpendingTotal, UsageDay
from julep_project.core.admin import ModelAdmin, ReadOnlyAdmin


@admin.register(SpendingLimit)
class SpendingLimitAdmin(ModelAdmin):
    """Limits. Those that are made here are fixed, unless they are said not to be."""

    list_display = ("developer", "scope", "scope_id", "period", "amount", "is_fixed", "created_at")
    list_select_related = ("developer",)
    list_filter = ("scope", "period", "is_fixed")
    search_fields = ("id", "scope_id")
    raw_id_fields = ("developer",)
    readonly_fields = ("id", "created_at", "updated_at")
    actions = ("reset",)

    @admin.action(description="Forgive what was spent in the current period", permissions=["change"])
    def reset(self, request: HttpRequest, queryset: "QuerySet[SpendingLimit]") -> None:
        with transaction.atomic():
            for row in queryset.select_related("developer"):
                limit_services.forgive(row.developer, row)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_changeform_initial_data(request), "is_fixed": True}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        limits.forget(obj.developer_id)


@admin.register(SpendingTotal)
class SpendingTotalAdmin(ReadOnlyAdmin):
    """What is spent of limits; without one, of the free tier."""

    list_display = ("developer", "scope", "scope_id", "starts_on", "ends_on", "spent", "reserved", "forgiven")
    list_select_related = ("developer", "limit")
    list_filter = ("scope",)
    search_fields = ("scope_id",)


@admin.register(UsageDay)
class UsageDayAdmin(ReadOnlyAdmin):
    """What calls of a day used that were for the same."""

    list_display = (
        "day", "developer", "model", "calls", "unpriced", "prompt_tokens", "completion_tokens", "cost",
        "custom_api_used",
    )  # fmt: skip
    list_select_related = ("developer",)
    list_filter = ("model", "custom_api_used")
    search_fields = ("agent_id", "session_id", "execution_id", "task_id", "project_id", "key_id")
    date_hierarchy = "day"
