"""Routes of retention."""

from django.urls import path

from agents.retention.api import ErasureViewSet, RetentionViewSet

urlpatterns = [
    path("users/<str:id>/erase", ErasureViewSet.as_view({"post": "create"})),
    path("retention", RetentionViewSet.as_view({"get": "list"})),
    path("retention/<str:kind>", RetentionViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})),
]
