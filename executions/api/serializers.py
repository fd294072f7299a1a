"""Bodies this app reads, and the objects it answers with."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.retrying.edits import Edits
from executions.retrying.forking import MOST_VARIANTS, ForkRequest
from executions.retrying.plan import FAILED
from executions.retrying.services import RetryRequest
from executions.states import ExecutionStatus, TransitionType
from executions.stored_json import OMITTED
from julep_project.core.reading.fields import (
    Answer,
    Body,
    Example,
    JsonObject,
    ListOf,
    StrictBody,
    Text,
    Timestamp,
    example_id,
)


@extend_schema_field(OpenApiTypes.ANY)
class AnyJson(serializers.JSONField):
    """Any JSON value."""


class ExecutionBody(Body):
    """What starts a run. `output`, `error` and `transition_count`, which clients echo, are ignored."""

    example = Example(input={"q": "When is high tide?"})

    input = JsonObject()
    metadata = JsonObject(required=False)


_STATUSES = [(status.value, status.value) for status in ExecutionStatus]


class RunFilterBody(Body):
    """Which runs are meant. All of it may be left out."""

    example = Example(
        status=["failed"], task_id=example_id("task"), since="2026-01-01T00:00:00Z", error_type="tool_error"
    )

    status = ListOf(
        child=serializers.ChoiceField(choices=_STATUSES), required=False, help_text="one of these", max_length=20
    )
    task_id = serializers.UUIDField(required=False)
    agent_id = serializers.UUIDField(required=False, help_text="of any task of this agent")
    since = serializers.DateTimeField(required=False, help_text="started at this moment or later")
    until = serializers.DateTimeField(required=False, help_text="started before this moment")
    error_type = Text(required=False, max_length=120, help_text="the kind of failure that ended it")
    error_hash = Text(required=False, max_length=16, help_text="the same for runs that failed by the same fault")
    fork_id = serializers.UUIDField(required=False, help_text="a variant of this fork")
    is_retried = serializers.BooleanField(required=False, help_text="whether another run does it again")


class OverrideAnswer(Answer):
    """What a prompt step of one run has otherwise."""

    sometimes = frozenset({"prompt", "settings"})

    step = Text()
    step_label = Text(allow_null=True)
    prompt = AnyJson(required=False)
    settings = JsonObject(required=False)


@extend_schema_field(
    {
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/components/schemas/OverrideAnswer"}},
            {"type": "object", "properties": {OMITTED: {"type": "string"}}, "required": [OMITTED]},
        ]
    }
)
class OverridesAnswer(serializers.JSONField):
    """A list of them, or in a page that is too large what says so."""


class VariantAnswer(Answer):
    """A variant of a fork."""

    id = serializers.UUIDField()
    index = serializers.IntegerField()
    name = Text()
    edited = serializers.ListField(child=Text())

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        return {"from": Text(), **super().get_fields()}


class CallerAnswer(Answer):
    """The run or the session, or both, in which a tool has begun a run."""

    nullable = frozenset({"execution_id", "session_id"})

    execution_id = serializers.UUIDField()
    session_id = serializers.UUIDField()


class StandingWaitAnswer(Answer):
    """Something that a run waits for."""

    nullable = frozenset({"id", "link", "until", "step_label", "event"})

    type = Text(help_text="`input`, `tool_approval`, `connection`, `elicitation`, `budget`, `event`, `execution`, ...")
    id = serializers.UUIDField(help_text="of the `wait` transition, or of the run that it waits for")
    link = Text(help_text="where it is looked at: a path of this API, or where somebody has to go")
    since = Timestamp()
    until = Timestamp(help_text="when it ends by itself")
    step_label = Text()
    event = Text(help_text="the name of the event")


class ExecutionAnswer(Answer):
    """A run as it is answered."""

    nullable = frozenset({"error"})
    sometimes = frozenset({"status_detail", "waits"})

    id = serializers.UUIDField()
    task_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ExecutionStatus.choices)
    status_detail = Text(required=False)
    input = JsonObject()
    output = AnyJson()
    error = Text()
    transition_count = serializers.IntegerField()
    metadata = JsonObject()
    called_by = CallerAnswer(allow_null=True, help_text="in what a tool has begun it")
    waits = StandingWaitAnswer(many=True, help_text="what it waits for; of one run alone")
    retried_from = serializers.UUIDField(allow_null=True, help_text="the run that this one does again")
    fork = VariantAnswer(allow_null=True, help_text="which variant of a fork it is")
    overrides = OverridesAnswer(help_text="what it has otherwise than the program of its version")
    created_at = Timestamp()
    updated_at = Timestamp()


class TransitionTarget(Answer):
    """A step of a workflow."""

    workflow = Text()
    step = serializers.IntegerField()
    scope_id = serializers.UUIDField()


class TransitionAnswer(Answer):
    """A row of the log as it is answered."""

    nullable = frozenset({"next", "step_label"})

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

    example = Example(status="running", input={"approved": True}, task_token=example_id("task_token"))

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


class AgainBody(StrictBody):
    """From where a run is done again, and by which program."""

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

    @staticmethod
    def common(values: Mapping[str, Any]) -> RetryRequest:
        """What is asked for, but for what is edited."""
        return RetryRequest(
            point=values.get("from") or FAILED,
            is_latest=values.get("version") == "latest",
            repeats_once=values.get("repeat_at_most_once", False),
        )


class RetryBody(AgainBody):
    """How a run is tried again. All of it may be left out."""

    example = Example({"from": "start", "version": "pinned"})

    input = AnyJson(required=False, help_text="of the run, or of the step that is done again")

    @classmethod
    def request(cls, data: Any) -> RetryRequest:
        """What is asked for."""
        given = {"input": data["input"]} if isinstance(data, Mapping) and "input" in data else {}
        return replace(cls.common(cls.read(data)), edits=Edits(**given))


class VariantBody(StrictBody):
    """What is edited in one variant. Without anything it does the same again."""

    name = Text(required=False, max_length=120)
    input = AnyJson(required=False, help_text="of the run, or of the step that is done again")
    output = AnyJson(required=False, help_text="of the step, which is not done again then")
    step = Text(
        required=False,
        max_length=300,
        help_text="the prompt step that is edited, by its label, its place or a transition; else the one done again",
    )
    prompt = AnyJson(required=False, help_text="what it asks, as in a task")
    model = Text(required=False, min_length=1, max_length=255)
    settings = JsonObject(required=False, help_text="laid over those of the step; null takes one away")


class ForkBody(AgainBody):
    """How a run is done again in several ways."""

    example = Example({"from": "start", "variants": [{"name": "other input", "input": {"q": "And low tide?"}}]})

    variants = ListOf(child=VariantBody(), min_length=1, max_length=MOST_VARIANTS)

    @classmethod
    def request(cls, data: Any) -> ForkRequest:
        """What is asked for."""
        values = cls.read(data)
        pairs = enumerate(zip(values["variants"], data["variants"], strict=True))
        return ForkRequest(cls.common(values), [cls._variant(index, *pair) for index, pair in pairs])

    @staticmethod
    def _variant(index: int, values: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[str, Edits]:
        edits = Edits(
            **{name: given[name] for name in ("input", "output") if name in given},
            step=values.get("step", ""),
            prompt={name: values[name] for name in ("prompt", "model", "settings") if name in values},
            loc=("variants", index),
        )
        return values.get("name", ""), edits


class EffectAgainAnswer(Answer):
    """What is done again outside the database."""

    step = Text()
    step_label = Text(allow_null=True)
    kind = Text()
    tools = serializers.ListField(child=Text())
    at_most_once = serializers.BooleanField()
    times = serializers.IntegerField()


class RetryVersionAnswer(Answer):
    """Which program is run."""

    pinned = serializers.IntegerField()
    used = serializers.IntegerField()
    changed_steps = serializers.ListField(child=Text())
    changed_count = serializers.IntegerField()


class VariantPreviewAnswer(Answer):
    """What a variant would do."""

    index = serializers.IntegerField()
    name = Text()
    edited = serializers.ListField(child=Text())
    overrides = OverrideAnswer(many=True)
    again = EffectAgainAnswer(many=True)
    again_count = serializers.IntegerField()
    needs_confirmation = serializers.BooleanField()


class ForkPreviewAnswer(Answer):
    """What a fork would do."""

    execution_id = serializers.UUIDField()
    version = RetryVersionAnswer()
    copied_transitions = serializers.IntegerField(help_text="of all variants together")
    variants = VariantPreviewAnswer(many=True)
    needs_confirmation = serializers.BooleanField()

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        return {"from": Text(), **super().get_fields()}


class ForkAnswer(Answer):
    """What was begun together."""

    id = serializers.UUIDField()
    execution_id = serializers.UUIDField()
    runs = VariantAnswer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        return {"from": Text(), **super().get_fields()}


class RetryAnswer(Answer):
    """What a retry would do."""

    execution_id = serializers.UUIDField()
    copied_transitions = serializers.IntegerField()
    version = RetryVersionAnswer()
    again = EffectAgainAnswer(many=True)
    again_count = serializers.IntegerField()
    needs_confirmation = serializers.BooleanField()

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        return {"from": Text(), **super().get_fields()}
