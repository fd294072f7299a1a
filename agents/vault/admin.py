"""Staff pages. They know no values, and do not show what those became."""

from django.contrib import admin

from agents.vault.models import Secret
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    """Secrets: names, and with which master key they are sealed."""

    exclude = ("sealed", "metadata")
    list_display = ("name", "agent", "developer", "sealed_with", "created_at", "updated_at")
    list_select_related = ("agent", "developer")
    list_filter = ("sealed_with",)
    search_fields = ("id", "name")
