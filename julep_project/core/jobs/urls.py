"""Routes of jobs."""

from django.urls import path

from julep_project.core.jobs.views import JobViewSet, stream_status

urlpatterns = [
    path("jobs/<str:id>", JobViewSet.as_view({"get": "retrieve"})),
    path("jobs/<str:id>/status.stream", stream_status),
]
