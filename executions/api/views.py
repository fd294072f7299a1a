"""Runs and their logs."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from executions import selectors, services
from executions.api.serializers import (
    ChangeBody,
    ExecutionAnswer,
    ExecutionBody,
    ForkAnswer,
    ForkBody,
    ForkPreviewAnswer,
    RetryAnswer,
    RetryBody,
    RunFilterBody,
    TransitionAnswer,
)
from executions.finding import RunFilter, find_runs
from executions.models import Execution
from executions.retrying.forking import fork_execution, preview_fork
from executions.retrying.services import preview_retry, retry_execution
from executions.waits.counting import progress_of
from executions.waits.standing import waits_of
from executions.wire import execution_to_wire, transition_to_wire
from julep_project.core.api.api_schema import created_of, describe, page_of
from julep_project.core.api.pagination import Cursor, SmallPagination, read_page_request
from julep_project.core.api.query import IGNORED_METADATA_FILTER, METADATA_FILTER, takes
from julep_project.core.api.views import ApiViewSet, created
from julep_project.core.reading.fields import Text
from julep_project.core.reading.metadata_filter import metadata_condition
from julep_project.core.reading.validation import invalid, parse_uuid, read_flag
from tasks.selectors import get_task

_PREVIEW = OpenApiParameter("preview", OpenApiTypes.BOOL)


@describe(
    "task_execution",
    body=ExecutionBody,
    answer=ExecutionAnswer,
    ids=("task_id", "execution_id"),
    max_limit=100,
    query=[METADATA_FILTER],
)
class TaskExecutionViewSet(ApiViewSet):
    """`/tasks/{task_id}/executions`."""

    resource = "Execution"
    pagination = SmallPagination

    def list(self, request: Request, task_id: UUID) -> Response:
        """Runs of the task, newest first."""
        rows = selectors.list_executions(self.developer, get_task(self.developer, task_id))
        page = read_page_request(request.query_params, max_limit=self.pagination.max_limit)
        found = selectors.page_of_executions(rows.filter(metadata_condition(request.query_params)), page)
        return Response({"items": [execution_to_wire(execution) for execution in found]})

    def create(self, request: Request, task_id: UUID) -> Response:
        """Start a run."""
        task = get_task(self.developer, task_id)
        values = ExecutionBody.read(request.data)
        execution = services.start_execution(
            developer=self.developer, task=task, input_=values["input"], metadata=values.get("metadata")
        )
        return created(execution_to_wire(execution))

    @extend_schema(request=ChangeBody, responses=ExecutionAnswer)
    def change(self, request: Request, task_id: UUID, execution_id: UUID) -> Response:
        """Resume or cancel a run of the task (the address older clients use)."""
        task = get_task(self.developer, task_id)
        execution = selectors.get_execution(self.developer, execution_id, task=task, whole=False)
        return Response(execution_to_wire(_change(self.developer, execution.pk, request.data)))


@describe(
    "execution",
    body=ChangeBody,
    answer=ExecutionAnswer,
    max_limit=100,
    answers={"list": {200: page_of("execution", ExecutionAnswer, next_cursor=Text(allow_null=True))}},
)
class ExecutionViewSet(ApiViewSet):
    """`/executions` and `/executions/{id}`."""

    resource = "Execution"
    pagination = SmallPagination

    @takes(RunFilterBody, METADATA_FILTER, OpenApiParameter("cursor", description="`next_cursor` of the page before"))
    def list(self, request: Request) -> Response:
        """Runs of all tasks, newest first. Any sort is by time. `next_cursor` is null at the end."""
        query = request.query_params
        page = replace(read_page_request(query, max_limit=self.pagination.max_limit), sort_by="created_at")
        rows = find_runs(self.developer, _filter_of(query)).filter(metadata_condition(query))
        cursor = Cursor.read(query.get("cursor", ""))
        if cursor is not None:
            rows = cursor.behind(rows, descending=page.descending)
        found = selectors.page_of_executions(rows, page)
        further = Cursor.at(found[-1]).to_text() if len(found) == page.limit else None
        return Response({"items": [execution_to_wire(execution) for execution in found], "next_cursor": further})

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One run."""
        execution = selectors.get_execution(self.developer, id)
        told = execution_to_wire(execution, progress=progress_of(execution))
        return Response({**told, "waits": waits_of(execution)})

    def update(self, request: Request, id: UUID) -> Response:
        """Resume or cancel."""
        return Response(execution_to_wire(_change(self.developer, id, request.data)))

    @takes(_PREVIEW)
    @extend_schema(
        operation_id="execution_retry",
        request=RetryBody,
        responses={201: created_of(ExecutionAnswer), 200: RetryAnswer},
    )
    def retry(self, request: Request, id: UUID) -> Response:
        """Begin a new run that does again what a run that has ended did, from some point on; what is before that is
        taken along. With `preview`, only tell what would be done."""
        asked = RetryBody.request(request.data)
        if read_flag(request.query_params, "preview"):
            return Response(preview_retry(developer=self.developer, execution_id=id, request=asked))
        execution = retry_execution(developer=self.developer, execution_id=id, request=asked)
        return created(execution_to_wire(execution))

    @takes(_PREVIEW)
    @extend_schema(
        operation_id="execution_fork",
        request=ForkBody,
        responses={201: created_of(ForkAnswer), 200: ForkPreviewAnswer},
    )
    def fork(self, request: Request, id: UUID) -> Response:
        """Begin several new runs that do again what a run did that has ended, each with something edited: all or none.
        With `preview`, only tell what would be done."""
        asked = ForkBody.request(request.data)
        if read_flag(request.query_params, "preview"):
            return Response(preview_fork(developer=self.developer, execution_id=id, request=asked))
        return created(fork_execution(developer=self.developer, execution_id=id, request=asked).to_wire())

    @takes(OpenApiParameter("task_token", description="in place of that in the body"))
    @extend_schema(request=ChangeBody, responses=ExecutionAnswer)
    def resume_by_token(self, request: Request) -> Response:
        """Resume the wait that a task token stands for; the token is in the body or the query."""
        values = ChangeBody.change(request.data)
        token = values.get("task_token") or request.query_params.get("task_token")
        if not token:
            raise invalid(["task_token"], "missing")
        if values["status"] != "running":
            raise invalid(["status"], "literal_error", received=values["status"], expected="running")
        execution = services.resume_by_token(developer=self.developer, token=token, value=values.get("input"))
        return Response(execution_to_wire(execution))


def _filter_of(query: Any) -> RunFilter:
    """The filter in a query string; a status may be given several times, or several between commas."""
    given: dict[str, Any] = {name: value for name, value in query.items() if value}
    if "status" in given:
        given["status"] = [status for text in query.getlist("status") for status in text.split(",") if status]
    return RunFilter.of(RunFilterBody.read(given))


def _change(developer: Any, execution_id: UUID, data: Any) -> Execution:
    change = ChangeBody.change(data)
    return services.change_execution(developer=developer, execution_id=execution_id, change=change)


@describe(
    "transition",
    body=None,
    answer=TransitionAnswer,
    ids=("execution_id", "transition_id"),
    query=[IGNORED_METADATA_FILTER, OpenApiParameter("scope_id", OpenApiTypes.UUID)],
)
class TransitionViewSet(ApiViewSet):
    """`/executions/{execution_id}/transitions`."""

    resource = "Transition"

    def list(self, request: Request, execution_id: UUID) -> Response:
        """The log, newest first; `scope_id` narrows it to one call of one workflow. Any sort follows the sequence."""
        execution = selectors.get_execution(self.developer, execution_id, whole=False)
        scope = request.query_params.get("scope_id")
        page = selectors.page_of_transitions(
            execution,
            read_page_request(request.query_params),
            scope=parse_uuid(scope, "query", "scope_id") if scope else None,
        )
        return Response({"items": [transition_to_wire(row) for row in page]})

    def retrieve(self, request: Request, execution_id: UUID, transition_id: UUID) -> Response:
        """One row of the log."""
        execution = selectors.get_execution(self.developer, execution_id, whole=False)
        return Response(transition_to_wire(selectors.get_transition(execution, transition_id)))
