"""`/executions/comparison`: runs beside each other."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.serializers import AnyJson
from executions.comparing.comparison import MOST_ROWS_IN_LOG, MOST_STEPS, compare_runs, runs_to_compare
from executions.comparing.wire import comparison_to_wire
from executions.states import ExecutionStatus
from julep_project.core.api.pagination import read_number, read_page_request
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet
from julep_project.core.reading.fields import Answer, Text, Timestamp, example_id
from julep_project.core.reading.validation import parse_uuid


class SpentAnswer(Answer):
    """What calls of models took."""

    calls = serializers.IntegerField()
    tokens = serializers.IntegerField()
    cost = serializers.FloatField(allow_null=True)


class ComparedRunAnswer(SpentAnswer):
    """One of the runs."""

    id = serializers.UUIDField()
    task_id = serializers.UUIDField()
    name = Text(help_text="of the variant")
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    error = Text(allow_null=True)
    output = AnyJson()
    is_same = serializers.BooleanField(help_text="whether it ended as the first run did")
    seconds = serializers.FloatField()
    created_at = Timestamp()


class ComparedCellAnswer(SpentAnswer):
    """What a step gave in one run."""

    transition_id = serializers.UUIDField()
    output = AnyJson()
    error_type = Text(allow_null=True)
    is_same = serializers.BooleanField(help_text="as in the first run that has it")
    seconds = serializers.FloatField(allow_null=True)
    models = serializers.ListField(child=Text())


class ComparedStepAnswer(Answer):
    """A step in all runs."""

    workflow = Text()
    step = serializers.IntegerField()
    turn = serializers.IntegerField(help_text="how often the runs had come there, in this part")
    step_label = Text(allow_null=True)
    step_type = Text(allow_null=True)
    is_same = serializers.BooleanField(help_text="whether all have done it alike")
    runs = serializers.ListField(
        child=ComparedCellAnswer(allow_null=True), help_text="in the order of the runs; null where it was not"
    )


class ComparisonAnswer(Answer):
    """Runs beside each other."""

    runs = ComparedRunAnswer(many=True)
    shared_transitions = serializers.IntegerField(help_text="rows at the beginning that all have taken along")
    items = ComparedStepAnswer(many=True)
    count = serializers.IntegerField(help_text="of steps in this part of the logs")
    after = serializers.IntegerField(help_text="rows before this part of the logs")
    next_after = serializers.IntegerField(allow_null=True, help_text="rows before the next part")
    next_offset = serializers.IntegerField(allow_null=True)


class ComparisonViewSet(ApiViewSet):
    """`/executions/comparison`."""

    resource = "Execution"

    @takes(
        OpenApiParameter("ids", OpenApiTypes.STR, description="runs, several times or several between commas"),
        OpenApiParameter("fork_id", OpenApiTypes.UUID, description="the variants of a fork, and what they do again"),
        OpenApiParameter("after", OpenApiTypes.INT, description="rows of the logs that are passed over"),
        OpenApiParameter("limit", OpenApiTypes.INT),
        OpenApiParameter("offset", OpenApiTypes.INT),
        ids=f"{example_id('execution')},{example_id('ended_execution')}",
    )
    @extend_schema(operation_id="execution_comparison", responses=ComparisonAnswer)
    def retrieve(self, request: Request) -> Response:
        """Runs beside each other: how each ended, what it took, and what their steps gave, by place in the program."""
        query = request.query_params
        page = read_page_request(query, max_limit=MOST_STEPS)
        runs = runs_to_compare(self.developer, ids=_ids(query), fork_id=_fork(query))
        after = max(read_number(query, "after", 0), 0)
        compared = compare_runs(runs, after=min(after, MOST_ROWS_IN_LOG), offset=page.offset, limit=page.limit)
        return Response(comparison_to_wire(compared, offset=page.offset))


def _ids(query: Any) -> list[UUID]:
    texts = [text for given in query.getlist("ids") for text in given.split(",") if text]
    return [parse_uuid(text, "query", "ids") for text in texts]


def _fork(query: Any) -> UUID | None:
    text = query.get("fork_id")
    return parse_uuid(text, "query", "fork_id") if text else None
