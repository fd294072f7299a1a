"""Routes of the servers of tools."""

from django.urls import path

from agents.mcp.api import ToolServerViewSet

_TOOL = "agents/<str:agent_id>/tools/<str:tool_id>"

urlpatterns = [
    path(f"{_TOOL}/server", ToolServerViewSet.as_view({"get": "retrieve"})),
    path(f"{_TOOL}/refresh", ToolServerViewSet.as_view({"post": "refresh"})),
    path(f"{_TOOL}/accept", ToolServerViewSet.as_view({"post": "accept"})),
]
