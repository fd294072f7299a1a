"""Bodies this app reads, and the objects it answers with."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.states import ExecutionStatus, TransitionType
from julep_project.core.reading.fields import Body, JsonObject, Text, Timestamp


@extend_schema_field(OpenApiTypes.ANY)
class AnyJson(serializers.JSONField):
    """Any JSON value."""


class ExecutionBody(Body):
    """What starts a run. `output`, `error` and `transition_count`, which clients echo, are ignored."""

    input = JsonObject()
    metadata = JsonObject(required=False)


class ExecutionAnswer(Body):
    """A run, for the API description."""

    id = serializers.UUIDField()
    task_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    status_detail = Text(required=False)
    input = JsonObject()
    output = AnyJson()
    error = Text()
    transition_count = serializers.IntegerField()
    metadata = JsonObject()
    created_at = Timestamp()
    updated_at = Timestamp()


class TransitionTarget(Body):
    """A step of a workflow."""

    workflow = Text()
    step = serializers.IntegerField()
    scope_id = serializers.UUIDField()


class TransitionAnswer(Body):
    """A row of the log, for the API description."""

    id = serializers.UUIDField()
    execution_id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=TransitionType.choices)
    current = TransitionTarget()
    next = TransitionTarget()
    step_label = Text()
    output = AnyJson()
    metadata = JsonObject()
    created_at = Timestamp()
    updated_at = Timestamp()


class ChangeBody(Body):
    """Resume (`running`, with `input`) or cancel (`cancelled`, with `reason`) a run."""

    status = serializers.ChoiceField(choices=["running", "cancelled"], required=False)
    input = AnyJson(required=False)
    reason = Text(required=False)
    task_token = Text(required=False)

    @classmethod
    def change(cls, data: Any) -> dict[str, Any]:
        """The change asked for: without `status`, a lone `reason` cancels and anything else resumes."""
        values: dict[str, Any] = cls.read(data)
        if "status" not in values:
            values["status"] = "cancelled" if "reason" in values and "input" not in values else "running"
        return values
