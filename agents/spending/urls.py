"""Routes of limits and usage."""

from typing import Any

from django.urls import path

from agents.spending.api.views import LimitViewSet, UsageView
from julep_project.core.api.views import COLLECTION

_MEMBER: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("limits", LimitViewSet.as_view(COLLECTION)),
    path("limits/<str:id>", LimitViewSet.as_view(_MEMBER)),
    path("limits/<str:id>/reset", LimitViewSet.as_view({"post": "reset"})),
    path("usage", UsageView.as_view()),
]
