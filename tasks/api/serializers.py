"""Bodies this app reads, and the objects it answers with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.reading.fields import (
    LONGEST_DESCRIPTION,
    Answer,
    Body,
    CanonicalName,
    DisplayName,
    Example,
    JsonObject,
    ListOf,
    Text,
    Timestamp,
)
from julep_project.core.reading.validation import as_object, parse_uuid
from tasks.programs.compile import IGNORED_FIELDS
from tasks.services import TaskDefinition

_HEAD_FIELDS = frozenset({"name", "canonical_name", "description", "metadata"})


class TaskHeadBody(Body):
    """The part of a task body that is not program."""

    name = DisplayName()
    canonical_name = CanonicalName(required=False)
    description = Text(required=False, max_length=LONGEST_DESCRIPTION)
    metadata = JsonObject(required=False)


@extend_schema_field(OpenApiTypes.OBJECT)
class Step(serializers.JSONField):
    """One step; `docs/language.md` lists the kinds."""


class TaskBody(TaskHeadBody):
    """A task. Any other key is a named sub-workflow: a list of steps."""

    example = Example(
        name="Greet",
        description="Greets somebody by name.",
        input_schema={"type": "object", "properties": {"name": {"type": "string"}}},
        main=[{"evaluate": {"text": "$ 'Hello, ' + _.name"}}],
    )

    others = MappingProxyType({"type": "array", "items": {"type": "object", "additionalProperties": {}}})

    main = ListOf(child=Step(), min_length=1)
    input_schema = JsonObject(required=False)
    tools = serializers.ListField(child=JsonObject(), required=False)
    inherit_tools = serializers.BooleanField(required=False, default=True)


class TaskAnswer(Answer, TaskBody):
    """A stored task as it is answered."""

    nullable = frozenset({"input_schema"})

    id = serializers.UUIDField()
    agent_id = serializers.UUIDField()
    version = serializers.IntegerField()
    dialect = serializers.ChoiceField(choices=["dollar", "classic"])
    warnings = serializers.ListField(child=JsonObject())
    created_at = Timestamp()
    updated_at = Timestamp()


def read_definition(data: Any, *, partial: bool = False) -> TaskDefinition:
    """A definition from a request body.

    Raises:
        InvalidInput: the head has a wrong field. The program is checked later, by `tasks.services`.
    """
    head = {key: value for key, value in as_object(data, ()).items() if key in _HEAD_FIELDS}
    passed_over = _HEAD_FIELDS | IGNORED_FIELDS
    body = {key: value for key, value in data.items() if key not in passed_over and value is not None}
    return TaskDefinition(TaskHeadBody.read(head, partial=partial), body)


def named_id(data: Any) -> UUID | None:
    """The id inside a body, where the path has none."""
    given = data.get("id") if isinstance(data, Mapping) else None
    return None if given is None else parse_uuid(str(given), "id")
