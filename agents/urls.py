"""Routes of agents, tools, users and projects."""

from typing import Any

from django.urls import path, re_path

from agents.api import openai_views
from agents.api.anthropic import views as anthropic_views
from agents.api.views import AgentViewSet, ModelViewSet, ProjectViewSet, ToolViewSet, UserViewSet
from agents.openapi.api import ImportViewSet
from julep_project.core.api.views import COLLECTION, MEMBER

_TOOL: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("agents", AgentViewSet.as_view(COLLECTION)),
    path("agents/models", ModelViewSet.as_view({"get": "list"})),
    path("agents/<str:id>", AgentViewSet.as_view(MEMBER)),
    path("agents/<str:agent_id>/tools", ToolViewSet.as_view(COLLECTION)),
    path("agents/<str:agent_id>/tools/import", ImportViewSet.as_view({"post": "create"})),
    path("agents/<str:agent_id>/tools/<str:tool_id>", ToolViewSet.as_view(_TOOL)),
    path("users", UserViewSet.as_view(COLLECTION)),
    path("users/<str:id>", UserViewSet.as_view(MEMBER)),
    path("projects", ProjectViewSet.as_view(COLLECTION)),
    path("projects/<str:id>", ProjectViewSet.as_view(MEMBER)),
    re_path(r"^(?:v1/)?chat/completions$", openai_views.chat_completions),
    re_path(r"^(?:v1/)?embeddings$", openai_views.embeddings),
    re_path(r"^(?:v1/)?messages$", anthropic_views.messages),
    re_path(r"^(?:v1/)?messages/count_tokens$", anthropic_views.count_tokens),
    re_path(r"^(?:v1/)?models$", anthropic_views.models),
    re_path(r"^(?:v1/)?models/(?P<name>.+)$", anthropic_views.model),
]
