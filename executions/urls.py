"""Routes of runs."""

from django.urls import path

from executions.api.comparing import ComparisonViewSet
from executions.api.stream_views import stream_status, stream_transitions, stream_transitions_elsewhere
from executions.api.views import ExecutionViewSet, TaskExecutionViewSet, TransitionViewSet

_RESUME = ExecutionViewSet.as_view({"post": "resume_by_token"})

urlpatterns = [
    path("tasks/<str:task_id>/executions", TaskExecutionViewSet.as_view({"get": "list", "post": "create"})),
    path("tasks/<str:task_id>/executions/<str:execution_id>", TaskExecutionViewSet.as_view({"patch": "change"})),
    path("executions", ExecutionViewSet.as_view({"get": "list", "post": "resume_by_token"})),
    path("executions/resume", _RESUME),
    path("executions/comparison", ComparisonViewSet.as_view({"get": "retrieve"})),
    path("executions/<str:id>", ExecutionViewSet.as_view({"get": "retrieve", "put": "update"})),
    path("executions/<str:id>/retry", ExecutionViewSet.as_view({"post": "retry"})),
    path("executions/<str:id>/fork", ExecutionViewSet.as_view({"post": "fork"})),
    path("executions/<str:execution_id>/status.stream", stream_status),
    path("executions/<str:execution_id>/transitions.stream", stream_transitions),
    path("executions/<str:execution_id>/transitions/stream", stream_transitions_elsewhere),
    path("executions/<str:execution_id>/transitions", TransitionViewSet.as_view({"get": "list"})),
    path(
        "executions/<str:execution_id>/transitions/<str:transition_id>", TransitionViewSet.as_view({"get": "retrieve"})
    ),
]
