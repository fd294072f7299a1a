"""Routes of retention."""

from django.urls import path

from agents.retention.api import RetentionViewSet

urlpatterns = [
    path("retention", RetentionViewSet.as_view({"get": "list"})),
    path("retention/<str:kind>", RetentionViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})),
]
