"""Routes of secrets."""

from typing import Any

from django.urls import path

from agents.vault.api.views import AgentSecretViewSet, SecretViewSet
from julep_project.core.api.views import COLLECTION

_MEMBER: dict[str, Any] = {"put": "update", "delete": "destroy"}

urlpatterns = [
    path("secrets", SecretViewSet.as_view(COLLECTION)),
    path("secrets/<str:secret_id>", SecretViewSet.as_view(_MEMBER)),
    path("agents/<str:agent_id>/secrets", AgentSecretViewSet.as_view(COLLECTION)),
    path("agents/<str:agent_id>/secrets/<str:secret_id>", AgentSecretViewSet.as_view(_MEMBER)),
]
