"""Background jobs."""

from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from julep_project.core.api.api_schema import describe
from julep_project.core.api.views import ApiViewSet
from julep_project.core.reading.fields import Body, Text, Timestamp
from sessions.models import JobState
from sessions.shortening.jobs import get_job, job_to_wire


class JobAnswer(Body):
    """A job, for the API description."""

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
        """`GET /jobs/{id}`."""
        return Response(job_to_wire(get_job(self.developer, id)))
