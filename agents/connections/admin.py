"""Staff pages."""

from django.contrib import admin

from agents.connections.models import Connection, Provider
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    """Services that people sign in to."""

    list_display = ("created_at", "developer", "name", "kind", "registration", "issuer")
    list_select_related = ("developer",)
    list_filter = ("kind", "registration")
    search_fields = ("id__exact", "name")
    exclude = ("sealed",)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Who is signed in where. Tokens are shown to nobody."""

    list_display = ("created_at", "developer", "provider", "user", "status", "connected_at", "token_until", "problem")
    list_select_related = ("developer", "provider", "user")
    list_filter = ("status",)
    search_fields = ("id__exact", "provider__name", "user__id__exact")
    exclude = ("sealed", "state_digest", "browser_digest")
