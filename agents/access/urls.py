"""Routes of API keys."""

from django.urls import path

from agents.access.api.views import ApiKeyViewSet
from julep_project.core.api.views import COLLECTION

urlpatterns = [
    path("api_keys", ApiKeyViewSet.as_view(COLLECTION)),
    path(
        "api_keys/<str:id>",
        ApiKeyViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
]
