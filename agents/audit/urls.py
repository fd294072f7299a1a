"""Routes of the audit log."""

from django.urls import path

from agents.audit.api import AuditViewSet, export

urlpatterns = [
    path("audit", AuditViewSet.as_view({"get": "list"})),
    path("audit/export", export),
    path("audit/<str:id>", AuditViewSet.as_view({"get": "retrieve"})),
]
