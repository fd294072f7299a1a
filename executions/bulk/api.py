"""`/bulk`: the same done to many runs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.serializers import AnyJson, RunFilterBody
from executions.bulk.actions import (
    BulkRequest,
    Met,
    abort_bulk,
    failures_of,
    get_bulk,
    list_bulks,
    preview_bulk,
    start_bulk,
)
from executions.bulk.models import BulkAction, BulkVerb
from executions.finding import RunFilter
from executions.retrying.plan import FAILED, START
from julep_project.core.api.api_schema import describe
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet
from julep_project.core.jobs.kind import job_to_wire
from julep_project.core.jobs.rows import JobState
from julep_project.core.reading.fields import (
    Answer,
    Example,
    JsonObject,
    ListOf,
    StrictBody,
    Text,
    Timestamp,
    example_id,
)
from julep_project.core.reading.validation import invalid, read_flag

_LONGEST_REASON = 500
# More are meant by what they have in common.
MOST_IDS = 200


class BulkFilterBody(RunFilterBody, StrictBody):
    """Which runs are meant: one of these at least."""

    ids = ListOf(child=serializers.UUIDField(), required=False, max_length=MOST_IDS, help_text="these runs")
    metadata_filter = JsonObject(required=False)


class BulkBody(StrictBody):
    """What is done to which runs."""

    example = Example(action="cancel", filter={"task_id": example_id("task")}, reason="No longer needed")

    action = serializers.ChoiceField(choices=BulkVerb.choices)
    filter = BulkFilterBody()
    reason = Text(required=False, max_length=_LONGEST_REASON)
    confirm = serializers.IntegerField(
        required=False, min_value=0, help_text="how many runs are meant; needed for more than 100"
    )
    version = serializers.ChoiceField(choices=["pinned", "latest"], required=False, help_text="of a retry")
    repeat_at_most_once = serializers.BooleanField(required=False, help_text="of a retry")
    input = AnyJson(required=False, help_text="of a resume")

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        choices = serializers.ChoiceField(choices=[FAILED, START], required=False, help_text="of a retry")
        return {"from": choices, **super().get_fields()}

    @classmethod
    def request(cls, data: Any) -> tuple[BulkRequest, int | None]:
        """What is asked for, and how many runs are meant."""
        values = cls.read(data)
        named = BulkFilterBody.read(data["filter"]) if isinstance(data["filter"], Mapping) else {}
        action = BulkVerb(values["action"])
        options: dict[str, Any] = {
            name: values[name] for name in ("from", "version", "repeat_at_most_once", "input") if name in values
        }
        if action is BulkVerb.RESUME and "input" not in data:
            raise invalid(["input"], "missing")
        return BulkRequest(action, RunFilter.of(named), values.get("reason", ""), options), values.get("confirm")


class FailureAnswer(Answer):
    """A run that could not be acted on as it is answered."""

    execution_id = serializers.UUIDField()
    error = Text()


class BulkAnswer(Answer):
    """A bulk action as it is answered."""

    sometimes = frozenset({"failures"})

    id = serializers.UUIDField()
    name = Text()
    reason = Text()
    action = serializers.ChoiceField(choices=BulkVerb.choices)
    state = serializers.ChoiceField(choices=JobState.choices)
    filter = JsonObject()
    options = JsonObject()
    why = Text()
    has_progress = serializers.BooleanField()
    progress = serializers.FloatField(help_text="0 to 100")
    matched = serializers.IntegerField()
    done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    failures = FailureAnswer(many=True, help_text="some of those that failed")
    created_at = Timestamp()
    updated_at = Timestamp()


class SampleAnswer(Answer):
    """A run that would be acted on as it is answered."""

    id = serializers.UUIDField()
    task_id = serializers.UUIDField()
    status = Text()


class BulkPreviewAnswer(Answer):
    """What would be acted on as it is answered."""

    matched = serializers.IntegerField()
    is_more = serializers.BooleanField(help_text="whether there are more than were counted")
    samples = SampleAnswer(many=True)


def bulk_to_wire(bulk: BulkAction) -> dict[str, Any]:
    return {**job_to_wire(bulk), "filter": bulk.filter, "options": bulk.options, "why": bulk.why}


def met_to_wire(met: Met) -> dict[str, Any]:
    samples = [{"id": str(run.pk), "task_id": str(run.task_id), "status": run.status} for run in met.samples]
    return {"matched": met.count, "is_more": met.is_more, "samples": samples}


@describe("bulk", body=BulkBody, answer=BulkAnswer, answers={"create": {202: BulkAnswer, 200: BulkPreviewAnswer}})
class BulkViewSet(ApiViewSet):
    """`/bulk` and `/bulk/{id}`."""

    resource = "Bulk action"

    def list(self, request: Request) -> Response:
        """Bulk actions, the newest first."""
        return self.page(list_bulks(self.developer), bulk_to_wire)

    @takes(OpenApiParameter("preview", OpenApiTypes.BOOL))
    def create(self, request: Request) -> Response:
        """Do the same to all runs that meet a filter and are there by now, in the background. With `preview`, only tell
        how many those are, with some of them."""
        asked, confirm = BulkBody.request(request.data)
        if read_flag(request.query_params, "preview"):
            return Response(met_to_wire(preview_bulk(developer=self.developer, request=asked)))
        bulk = start_bulk(developer=self.developer, request=asked, confirm=confirm)
        return Response(bulk_to_wire(bulk), status=202)

    def retrieve(self, request: Request, id: UUID) -> Response:
        """How far it is."""
        return Response(self._told(get_bulk(self.developer, id)))

    @extend_schema(operation_id="bulk_abort", request=None, responses=BulkAnswer)
    def abort(self, request: Request, id: UUID) -> Response:
        """Act on no further runs."""
        return Response(self._told(abort_bulk(developer=self.developer, bulk_id=id)))

    @staticmethod
    def _told(bulk: BulkAction) -> dict[str, Any]:
        failures = [{"execution_id": str(item.execution_id), "error": item.error} for item in failures_of(bulk)]
        return {**bulk_to_wire(bulk), "failures": failures}
