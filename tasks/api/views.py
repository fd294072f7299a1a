"""Task definitions."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import get_agent
from julep_project.core.api.api_schema import describe
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.query import METADATA_FILTER
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.reading.metadata_filter import metadata_condition
from julep_project.core.reading.parsers import JSON_OR_YAML
from tasks import selectors, services
from tasks.api.serializers import TaskAnswer, TaskBody, named_id, read_definition
from tasks.models import Task
from tasks.wire import task_to_wire


def _whole(task: Task) -> dict[str, Any]:
    return task_to_wire(task, selectors.current_version(task))


class _TaskViews(ApiViewSet):
    resource = "Task"
    parser_classes = JSON_OR_YAML
    pagination = SmallPagination
    max_body_bytes = settings.MAX_TASK_BODY_BYTES


@describe(
    "agent_task",
    body=TaskBody,
    answer=TaskAnswer,
    ids=("agent_id", "task_id"),
    max_limit=100,
    query=[METADATA_FILTER],
)
class AgentTaskViewSet(_TaskViews):
    """`/agents/{agent_id}/tasks` and `/agents/{agent_id}/tasks/{task_id}`."""

    def list(self, request: Request, agent_id: UUID) -> Response:
        """The agent's tasks, newest first."""
        agent = get_agent(self.developer, agent_id)
        rows = selectors.list_tasks(self.developer, agent).filter(metadata_condition(request.query_params))
        paginator = self.pagination()
        tasks = selectors.with_versions(paginator.paginate_queryset(rows, request))
        return paginator.get_paginated_response([task_to_wire(task, version) for task, version in tasks])

    def create(self, request: Request, agent_id: UUID) -> Response:
        """Create a task."""
        agent = get_agent(self.developer, agent_id)
        definition = read_definition(request.data)
        return created(_whole(services.create_task(developer=self.developer, agent=agent, definition=definition)))

    @extend_schema(
        operation_id="agent_task_put_by_name",
        parameters=[OpenApiParameter("agent_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        request={"application/json": TaskBody},
        responses={201: TaskAnswer},
    )
    def put_by_name(self, request: Request, agent_id: UUID) -> Response:
        """Create a task, or overwrite the one with the body's id, canonical name or name."""
        agent = get_agent(self.developer, agent_id)
        task = services.put_task(
            developer=self.developer,
            agent=agent,
            definition=read_definition(request.data),
            task_id=named_id(request.data),
        )
        return created(_whole(task))

    def create_or_update(self, request: Request, agent_id: UUID, task_id: UUID) -> Response:
        """Overwrite the task with this id, or create it."""
        agent = get_agent(self.developer, agent_id)
        task = services.create_or_replace_task(
            developer=self.developer, agent=agent, definition=read_definition(request.data), task_id=task_id
        )
        return created(_whole(task))

    def update(self, request: Request, agent_id: UUID, task_id: UUID) -> Response:
        """Overwrite a task."""
        task = self._task(agent_id, task_id)
        return Response(_whole(services.replace_task(task=task, definition=read_definition(request.data))))

    def partial_update(self, request: Request, agent_id: UUID, task_id: UUID) -> Response:
        """Change some fields; without `main` the workflows stay."""
        task = self._task(agent_id, task_id)
        definition = read_definition(request.data, partial=True)
        return Response(_whole(services.patch_task(task=task, definition=definition)))

    def destroy(self, request: Request, agent_id: UUID, task_id: UUID) -> Response:
        """Remove a task with its executions."""
        services.delete_task(task=self._task(agent_id, task_id))
        return deleted(task_id)

    def _task(self, agent_id: UUID, task_id: UUID) -> Task:
        return selectors.get_task(self.developer, task_id, agent=get_agent(self.developer, agent_id))


@describe("task", body=TaskBody, answer=TaskAnswer)
class TaskViewSet(_TaskViews):
    """`/tasks/{id}`."""

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One task."""
        return Response(_whole(selectors.get_task(self.developer, id)))
