"""`/schedules` and `/tasks/{task_id}/schedules`."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.resource import Resource, ResourceViewSet
from executions.schedules import services
from executions.schedules.api.serializers import (
    MOST_PREVIEWED,
    BackfillAnswer,
    BackfillBody,
    OccurrenceAnswer,
    PauseBody,
    PreviewAnswer,
    ScheduleAnswer,
    ScheduleBody,
    TaskScheduleBody,
)
from executions.schedules.models import OccurrenceState, ScheduleState
from executions.schedules.wire import occurrence_to_wire, preview_to_wire, schedule_to_wire
from julep_project.core.api.api_schema import describe, page_of
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.query import METADATA_FILTER, takes
from julep_project.core.api.views import ApiViewSet, created
from julep_project.core.reading.metadata_filter import metadata_condition
from julep_project.core.reading.validation import invalid, not_one_of, parse_uuid
from tasks.selectors import get_task

SCHEDULES = Resource(
    services=services.SERVICES,
    body=ScheduleBody,
    to_wire=schedule_to_wire,
    texts={
        "delete": "Delete a schedule with what is known of its times. What it has begun goes on.",
        "update": "Overwrite a schedule; what is left out gets its default, but what it begins and its times stay.",
    },
)
_OF_TASK = OpenApiParameter("task_id", OpenApiTypes.UUID, description="of this task")
_OF_SESSION = OpenApiParameter("session_id", OpenApiTypes.UUID, description="of this session")
_STATE = OpenApiParameter("state", enum=ScheduleState.values, description="that stand so")
_OCCURRENCE_STATE = OpenApiParameter("state", enum=OccurrenceState.values, description="that stand so")
_COUNT = OpenApiParameter("count", {"type": "integer", "minimum": 1, "maximum": MOST_PREVIEWED, "default": 10})
_USUAL_COUNT = "10"


@describe(
    "schedule",
    body=ScheduleBody,
    answer=ScheduleAnswer,
    text=SCHEDULES.text,
    max_limit=100,
    query=(METADATA_FILTER, _OF_TASK, _OF_SESSION, _STATE),
)
class ScheduleViewSet(ResourceViewSet):
    """`/schedules` and `/schedules/{id}`."""

    resource = "Schedule"
    pagination = SmallPagination
    of = SCHEDULES

    def list(self, request: Request) -> Response:
        query = request.query_params
        filters: dict[str, Any] = {
            name: parse_uuid(query[name], "query", name) for name in ("task_id", "session_id") if query.get(name)
        }
        filters |= _state_in(query, ScheduleState.values)
        rows = services.list_schedules(self.developer, **filters)
        return self.page(rows.filter(metadata_condition(query)), schedule_to_wire)

    @extend_schema(operation_id="schedule_pause", request=PauseBody, responses=ScheduleAnswer)
    def pause(self, request: Request, id: UUID) -> Response:
        """Let it fire no more until it is resumed. What it has begun goes on."""
        values = PauseBody.read(request.data or {})
        return Response(schedule_to_wire(services.pause_schedule(developer=self.developer, schedule_id=id, **values)))

    @extend_schema(operation_id="schedule_resume", request=None, responses=ScheduleAnswer)
    def resume(self, request: Request, id: UUID) -> Response:
        """Let it fire again from now on; times that went by meanwhile are none of its."""
        return Response(schedule_to_wire(services.resume_schedule(developer=self.developer, schedule_id=id)))

    @extend_schema(operation_id="schedule_run", request=None, responses={201: OccurrenceAnswer})
    def run(self, request: Request, id: UUID) -> Response:
        """Begin now what it begins, as its `overlap` lets it; also while it is paused. The answer says what became of
        that."""
        occurrence = services.run_schedule(developer=self.developer, schedule_id=id)
        return Response(occurrence_to_wire(occurrence), status=201)

    @extend_schema(operation_id="schedule_backfill", request=BackfillBody, responses={202: BackfillAnswer})
    def backfill(self, request: Request, id: UUID) -> Response:
        """Begin what it would have begun at its times in a range that is past, as far as those are not known: one after
        the other, or all at once with the overlap `allow`."""
        values = BackfillBody.read(request.data)
        found = services.backfill_schedule(developer=self.developer, schedule_id=id, **values)
        return Response(found, status=202)

    @takes(_COUNT)
    @extend_schema(operation_id="schedule_preview", responses=PreviewAnswer)
    def preview(self, request: Request, id: UUID) -> Response:
        """Its next times, whether it is paused or not."""
        text = request.query_params.get("count", _USUAL_COUNT)
        if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_PREVIEWED:
            raise invalid(["query", "count"], "value_error", msg=f"a number from 1 to {MOST_PREVIEWED}", received=text)
        row = services.get_schedule(self.developer, id)
        return Response(preview_to_wire(row, services.database_now(), int(text)))


@describe(
    "task_schedule",
    body=TaskScheduleBody,
    answer=ScheduleAnswer,
    ids=("task_id", "id"),
    max_limit=100,
    query=(METADATA_FILTER, _STATE),
)
class TaskScheduleViewSet(ApiViewSet):
    """`/tasks/{task_id}/schedules`."""

    resource = "Schedule"
    pagination = SmallPagination

    def list(self, request: Request, task_id: UUID) -> Response:
        """Schedules of the task, newest first."""
        query = request.query_params
        task = get_task(self.developer, task_id)
        rows = services.list_schedules(self.developer, task=task.pk, **_state_in(query, ScheduleState.values))
        return self.page(rows.filter(metadata_condition(query)), schedule_to_wire)

    def create(self, request: Request, task_id: UUID) -> Response:
        """Let runs of the task begin at times."""
        task = get_task(self.developer, task_id)
        values = {**TaskScheduleBody.read(request.data), "task_id": task.pk}
        return created(schedule_to_wire(services.SERVICES.create(developer=self.developer, values=values)))


@describe(
    "occurrence",
    body=None,
    answer=OccurrenceAnswer,
    ids=("id", "occurrence_id"),
    max_limit=100,
    query=[_OCCURRENCE_STATE],
    answers={"list": {200: page_of("occurrence", OccurrenceAnswer)}},
)
class OccurrenceViewSet(ApiViewSet):
    """`/schedules/{id}/occurrences`."""

    resource = "Occurrence"
    pagination = SmallPagination

    def list(self, request: Request, id: UUID) -> Response:
        """What became of its times, the newest first."""
        states = _state_in(request.query_params, OccurrenceState.values)
        rows = services.list_occurrences(self.developer, id).filter(**states)
        return self.page(rows.defer("input"), occurrence_to_wire)


def _state_in(query: Any, known: list[str]) -> dict[str, str]:
    state = query.get("state")
    if not state:
        return {}
    if state not in known:
        raise not_one_of(["query", "state"], known, state)
    return {"state": state}
