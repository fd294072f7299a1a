"""Bodies this app reads, and the objects it answers with."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.retrying.plan import FAILED
from executions.retrying.services import RetryRequest
from executions.states import ExecutionStatus, TransitionType
from julep_project.core.reading.fields import Body, JsonObject, ListOf, Text, Timestamp


@extend_schema_field(OpenApiTypes.ANY)
class AnyJson(serializers.JSONField):
    """Any JSON value."""


class ExecutionBody(Body):
    """What starts a run. `output`, `error` and `transition_count`, which clients echo, are ignored."""

    input = JsonObject()
    metadata = JsonObject(required=False)


_STATUSES = [(status.value, status.value) for status in ExecutionStatus]


class RunFilterBody(Body):
    """Which runs are meant. All of it may be left out."""

    status = ListOf(
        child=serializers.ChoiceField(choices=_STATUSES), required=False, help_text="one of these", max_length=20
    )
    task_id = serializers.UUIDField(required=False)
    agent_id = serializers.UUIDField(required=False, help_text="of any task of this agent")
    since = serializers.DateTimeField(required=False, help_text="started at this moment or later")
    until = serializers.DateTimeField(required=False, help_text="started before this moment")
    error_type = Text(required=False, max_length=120, help_text="the kind of failure that ended it")
    error_hash = Text(required=False, max_length=16, help_text="the same for runs that failed by the same fault")


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
    retried_from = serializers.UUIDField(allow_null=True, help_text="the run that this one does again")
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


class RetryBody(Body):
    """How a run is tried again. All of it may be left out."""

    input = AnyJson(required=False, help_text="of the run, or of the step that is done again")
    version = serializers.ChoiceField(
        choices=["pinned", "latest"], required=False, help_text="of the task: that of the run, or the newest"
    )
    repeat_at_most_once = serializers.BooleanField(
        required=False, help_text="call tools again that are declared `at_most_once`"
    )

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        told = "`start`, `failed` (where it failed, or was cancelled), or the id of a transition"
        return {"from": Text(required=False, max_length=64, help_text=told), **super().get_fields()}

    @classmethod
    def request(cls, data: Any) -> RetryRequest:
        """What is asked for."""
        values = cls.read(data)
        given = {"input": data["input"]} if isinstance(data, Mapping) and "input" in data else {}
        return RetryRequest(
            point=values.get("from") or FAILED,
            is_latest=values.get("version") == "latest",
            repeats_once=values.get("repeat_at_most_once", False),
            **given,
        )


class EffectAgainAnswer(Body):
    """What is done again outside the database, for the API description."""

    step = Text()
    step_label = Text(allow_null=True)
    kind = Text()
    tools = serializers.ListField(child=Text())
    at_most_once = serializers.BooleanField()
    times = serializers.IntegerField()


class RetryVersionAnswer(Body):
    """Which program is run, for the API description."""

    pinned = serializers.IntegerField()
    used = serializers.IntegerField()
    changed_steps = serializers.ListField(child=Text())
    changed_count = serializers.IntegerField()


class RetryAnswer(Body):
    """What a retry would do, for the API description."""

    execution_id = serializers.UUIDField()
    copied_transitions = serializers.IntegerField()
    version = RetryVersionAnswer()
    again = EffectAgainAnswer(many=True)
    again_count = serializers.IntegerField()
    needs_confirmation = serializers.BooleanField()
