"""Routes of bulk actions."""

from django.urls import path

from executions.bulk.api import BulkViewSet
from julep_project.core.api.views import COLLECTION

urlpatterns = [
    path("bulk", BulkViewSet.as_view(COLLECTION)),
    path("bulk/<str:id>", BulkViewSet.as_view({"get": "retrieve"})),
    path("bulk/<str:id>/abort", BulkViewSet.as_view({"post": "abort"})),
]
