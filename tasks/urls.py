"""Routes of task definitions."""

from django.urls import path

from tasks.api.views import AgentTaskViewSet, TaskViewSet

urlpatterns = [
    path(
        "agents/<str:agent_id>/tasks",
        AgentTaskViewSet.as_view({"get": "list", "post": "create", "put": "put_by_name"}),
    ),
    path(
        "agents/<str:agent_id>/tasks/<str:task_id>",
        AgentTaskViewSet.as_view(
            {"post": "create_or_update", "put": "update", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
    path("tasks/<str:id>", TaskViewSet.as_view({"get": "retrieve"})),
]
