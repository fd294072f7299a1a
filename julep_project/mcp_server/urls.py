"""Routes of the MCP server."""

from django.urls import path

from julep_project.mcp_server.views import mcp, protected_resource

urlpatterns = [
    path("mcp", mcp),
    path(".well-known/oauth-protected-resource", protected_resource),
    path(".well-known/oauth-protected-resource/mcp", protected_resource),
]
