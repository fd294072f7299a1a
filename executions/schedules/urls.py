"""Routes of schedules."""

from django.urls import path

from executions.schedules.api.views import OccurrenceViewSet, ScheduleViewSet, TaskScheduleViewSet
from julep_project.core.api.views import COLLECTION, MEMBER

urlpatterns = [
    path("schedules", ScheduleViewSet.as_view(COLLECTION)),
    path("schedules/<str:id>", ScheduleViewSet.as_view(MEMBER)),
    path("schedules/<str:id>/pause", ScheduleViewSet.as_view({"post": "pause"})),
    path("schedules/<str:id>/resume", ScheduleViewSet.as_view({"post": "resume"})),
    path("schedules/<str:id>/run", ScheduleViewSet.as_view({"post": "run"})),
    path("schedules/<str:id>/backfill", ScheduleViewSet.as_view({"post": "backfill"})),
    path("schedules/<str:id>/preview", ScheduleViewSet.as_view({"get": "preview"})),
    path("schedules/<str:id>/occurrences", OccurrenceViewSet.as_view({"get": "list"})),
    path("tasks/<str:task_id>/schedules", TaskScheduleViewSet.as_view(COLLECTION)),
]
