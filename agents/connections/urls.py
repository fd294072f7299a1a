"""Routes of connections."""

from typing import Any

from django.urls import path

from agents.connections.api.views import ConnectionViewSet, ProviderViewSet, client_document
from agents.connections.page import callback_page, connect_page
from julep_project.core.api.views import COLLECTION

_MEMBER: dict[str, Any] = {"get": "retrieve", "delete": "destroy"}

urlpatterns = [
    path("connections", ConnectionViewSet.as_view(COLLECTION)),
    path("connections/providers", ProviderViewSet.as_view(COLLECTION)),
    path("connections/providers/<str:id>", ProviderViewSet.as_view(_MEMBER)),
    path("connections/callback/<uuid:provider_id>", callback_page),
    path("connections/clients/<uuid:provider_id>", client_document),
    path("connections/<str:id>", ConnectionViewSet.as_view(_MEMBER)),
    path("connect/<str:token>", connect_page),
]
