"""Routes of events."""

from django.urls import path

from executions.events.api import EventViewSet

urlpatterns = [
    path("events", EventViewSet.as_view({"get": "list", "post": "create"})),
    path("events/<str:id>", EventViewSet.as_view({"get": "retrieve"})),
]
