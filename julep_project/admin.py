"""Staff pages of what the kernel stores."""

from collections.abc import Mapping
from typing import ClassVar

from django.contrib import admin

from julep_project.core.admin import ModelAdmin, ReadOnlyAdmin, Show
from julep_project.core.idempotency.models import IdempotencyKey
from julep_project.core.rates.models import TenantRates


def _size(row: IdempotencyKey) -> str:
    return "not kept" if row.body is None else f"{len(row.body)} bytes"


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Which requests were repeated or may be, without what was answered."""

    shown_as: ClassVar[Mapping[str, Show]] = {"body": _size, "digest": lambda row: bytes(row.digest).hex()}

    list_display = ("key", "developer", "status", "created_at")
    list_select_related = ("developer",)
    search_fields = ("key",)
    ordering = ("-created_at",)


@admin.register(TenantRates)
class TenantRatesAdmin(ModelAdmin):
    """How much at once, and how often, each developer may ask."""

    list_display = ("developer", "weight", "requests_per_minute", "key_requests_per_minute", "streams", "runs")
    list_select_related = ("developer",)
    search_fields = ("developer__id", "developer__email")
