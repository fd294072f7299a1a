"""Staff pages: servers that tools name, and their tools."""

from django.contrib import admin

from agents.mcp.models import McpServer, McpTool
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(McpServer)
class McpServerAdmin(ReadOnlyAdmin):
    """MCP servers: where they are, and when they last told their tools."""

    list_display = ("name", "place", "transport", "protocol", "agent", "developer", "listed_at", "problem")
    list_select_related = ("agent", "developer")
    list_filter = ("transport", "protocol")
    search_fields = ("id", "name", "place")


@admin.register(McpTool)
class McpToolAdmin(ReadOnlyAdmin):
    """Tools of MCP servers, and whether they may be used."""

    list_display = ("name", "server", "state", "hash", "developer", "updated_at")
    list_select_related = ("server", "developer")
    list_filter = ("state",)
    search_fields = ("id", "name", "hash")
