"""Routes of webhooks."""

from typing import Any

from django.urls import path

from agents.webhooks.api.views import DeliveryViewSet, WebhookViewSet
from julep_project.core.api.views import COLLECTION

_MEMBER: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("webhooks", WebhookViewSet.as_view(COLLECTION)),
    path("webhooks/event_types", WebhookViewSet.as_view({"get": "event_types"})),
    path("webhooks/<str:id>", WebhookViewSet.as_view(_MEMBER)),
    path("webhooks/<str:id>/rotate_secret", WebhookViewSet.as_view({"post": "rotate_secret"})),
    path("webhooks/<str:id>/test", WebhookViewSet.as_view({"post": "test"})),
    path("webhooks/<str:id>/replay", WebhookViewSet.as_view({"post": "replay"})),
    path("webhooks/<str:id>/deliveries", DeliveryViewSet.as_view({"get": "list"})),
    path("webhooks/<str:id>/deliveries/<str:delivery_id>", DeliveryViewSet.as_view({"get": "retrieve"})),
    path("webhooks/<str:id>/deliveries/<str:delivery_id>/replay", DeliveryViewSet.as_view({"post": "replay"})),
]
