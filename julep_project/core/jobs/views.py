"""`/jobs/{id}` and `/jobs/{id}/status.stream`."""

from functools import partial
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from julep_project.core.api.api_schema import SERVER_SENT_EVENTS, describe, describe_async
from julep_project.core.api.async_views import api_view
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.api.views import ApiViewSet
from julep_project.core.database import run_query
from julep_project.core.jobs.kind import find_job, job_to_wire
from julep_project.core.jobs.rows import JobState
from julep_project.core.jobs.stream import stream_job
from julep_project.core.live.reader import Relay, event_stream
from julep_project.core.live.sse import encode_event
from julep_project.core.reading.fields import Answer, Text, Timestamp


class JobAnswer(Answer):
    """A job as it is answered, with what its kind tells beside."""

    others = MappingProxyType({})

    id = serializers.UUIDField()
    name = Text()
    reason = Text()
    created_at = Timestamp()
    updated_at = Timestamp()
    has_progress = serializers.BooleanField()
    progress = serializers.FloatField(help_text="0 to 100")
    state = serializers.ChoiceField(choices=JobState.choices)


@describe("job", body=None, answer=JobAnswer)
class JobViewSet(ApiViewSet):
    """How a job stands."""

    resource = "Job"

    def retrieve(self, request: Request, id: UUID) -> Response:
        """How far a job is."""
        return Response(job_to_wire(find_job(self.developer, id)))


@describe_async("job_status_stream", method="get", answer=SERVER_SENT_EVENTS, ids=("id",))
@api_view("GET")
async def stream_status(request: HttpRequest, developer: Any, id: UUID) -> HttpResponseBase:
    """The job as it changes, as events; the last of them is its end."""
    await run_query(partial(find_job, developer, id))
    error_event = partial(_error_event, getattr(request, "request_id", ""))
    return event_stream(Relay(stream_job(developer, id), error_event=error_event))


def _error_event(request_id: str, error: Exception) -> bytes:
    return encode_event(answer_for(error, operation="stream", resource="Job", request_id=request_id).event)
