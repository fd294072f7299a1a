"""Serializer parts with the rules that all resources share. Read a request with `Body.read`."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar
from uuid import NAMESPACE_OID, uuid5

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.clock import to_wire
from julep_project.core.errors import InvalidInput
from julep_project.core.reading.parsers import parse_json
from julep_project.core.reading.serializer_errors import MOST_PROBLEMS, problems_of, refuse_others
from julep_project.core.reading.surface import Surface
from julep_project.core.reading.validation import HIDDEN, Path, as_object
from julep_project.core.schemas.schema_references import UnusableSchema, check_references
from julep_project.core.schemas.schema_shape import check_shape

CANONICAL_NAME = r"^[a-zA-Z][a-zA-Z0-9_]*$"
SAFE_NAME = r"^(?!\d)[^\x00-\x1f\x7f]*$"
LONGEST_SAFE_NAME = 120
LONGEST_NAME = 255
LONGEST_DESCRIPTION = 16_000


class Example(dict[str, Any]):
    """A body as a client may send it, or the parameters of a query, for the API description. Rows in it are named by
    `example_id`."""


def example_id(kind: str) -> str:
    """What stands for the id of a row of this kind wherever the API description has an example."""
    return str(uuid5(NAMESPACE_OID, kind))


class Body(serializers.Serializer[Any]):
    """A request body. Unknown and read-only keys are ignored.

    `null` means "not given", except for a required field, and for a field with `allow_null`, which gets the null. Of a
    body that `is_secret`, errors do not repeat what was sent: whoever mixes up two fields sends a password as a name.
    """

    is_secret: ClassVar[bool] = False
    # What others publish of the operation, where it is one of theirs: then unknown keys are refused.
    surface: ClassVar[Surface | None] = None
    # For the API description, of a class and not of those that are made from it; of a PATCH where it is another one.
    example: ClassVar[Example | None] = None
    example_of_changes: ClassVar[Example | None] = None
    # For the API description: the schema of what stands under names of the caller's own; none may, without.
    others: ClassVar[Mapping[str, Any] | None] = None

    @classmethod
    def read(cls, data: Any, *, partial: bool = False, loc: Path = ()) -> dict[str, Any]:
        """The checked values. With `partial`, only what was given and is not null (PATCH). `loc` is where the body
        stands in what was sent, for errors.

        Raises:
            InvalidInput
            ParameterRefused, UnknownParameter: it has a surface.
        """
        if cls.surface is not None:
            cls.surface.check(data)
        received = HIDDEN if cls.is_secret else data
        given = as_object(data, loc, received=received)
        reader = reader_of(cls, partial=partial)
        try:
            return dict(reader.run_validation(given))
        except serializers.ValidationError as error:
            raise InvalidInput(problems_of(error.detail, received=received, field=reader, loc=loc)) from error

    def to_internal_value(self, data: Any) -> Any:
        """Drop the nulls that mean nothing, then read as usual."""
        if isinstance(data, Mapping):
            data = {name: value for name, value in data.items() if value is not None or self._wants_null(name)}
        return super().to_internal_value(data)

    def _wants_null(self, name: str) -> bool:
        field = self.fields.get(name)
        return field is not None and (field.allow_null or (field.required and not self.partial))


@cache
def reader_of(body: type[Body], *, partial: bool) -> Body:
    """Who reads all bodies of a class. To copy and bind its fields for each takes longer than to read one; so no field
    may keep anything of what it reads."""
    return body(partial=partial)


class StrictBody(Body):
    """A body, or a part of one, without unknown keys: every one that no client of an older server sends. What is
    misspelt would otherwise mean nothing, and nobody would know."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what is not known; null counts as not given."""
        if isinstance(data, Mapping):
            refuse_others(data, self.fields)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text exactly as sent: not trimmed, and never a number turned into text."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("trim_whitespace", False)
        options.setdefault("allow_blank", not options.get("min_length"))
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class Number(serializers.FloatField):
    """A finite number; true and false are none."""

    def to_internal_value(self, data: Any) -> float:
        number = math.nan if isinstance(data, bool) else super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class DisplayName(Text):
    """The `name` of an agent, task or project: 1 to 255 characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=LONGEST_NAME, **options)


class Pattern(Text):
    """Text of a fixed form."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "string_pattern_mismatch": "The text does not match the pattern."
    }

    def __init__(self, pattern: str, **options: Any) -> None:
        self.pattern = pattern
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if len(text) <= (self.max_length or len(text)) and not re.fullmatch(self.pattern, text, re.ASCII):
            self.fail("string_pattern_mismatch")
        return text


class SafeName(Pattern):
    """The `name` of a user or file: at most 120 characters, on one line, not starting with a digit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(SAFE_NAME, max_length=LONGEST_SAFE_NAME, **options)


class CanonicalName(Pattern):
    """A name for use in code and queries."""

    def __init__(self, **options: Any) -> None:
        super().__init__(CANONICAL_NAME, max_length=LONGEST_NAME, **options)


@extend_schema_field(OpenApiTypes.OBJECT)
class JsonObject(serializers.Field[dict[str, Any], Any, Any, Any]):
    """An object, or text that decodes to one (the command line client sends that)."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "dict_type": "Input should be a valid object.",
        "json_invalid": "The text is not a JSON object.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, str):
            data = self._decoded(data)
        if not isinstance(data, Mapping):
            self.fail("dict_type")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value

    def _decoded(self, text: str) -> Any:
        try:
            return parse_json(text.encode())
        except (ValueError, InvalidInput):
            self.fail("json_invalid")


class JsonSchema(JsonObject):
    """A JSON Schema. Of its keywords only those are looked at that refer to other parts."""

    default_error_messages: ClassVar[dict[str, Any]] = {"value_error": "The schema cannot be used: {reason}."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        schema = super().to_internal_value(data)
        try:
            self._check(schema)
        except UnusableSchema as error:
            self.fail("value_error", reason=error)
        return schema

    def _check(self, schema: dict[str, Any]) -> None:
        check_references(schema)


class SentSchema(JsonSchema):
    """A JSON Schema that goes on to a model provider, whose client looks at the usual keywords, too."""

    def _check(self, schema: dict[str, Any]) -> None:
        super()._check(schema)
        check_shape(schema)


class ListOf(serializers.ListField):
    """A list that is read no further than to as many wrong items as are told of, and not at all if it is too long.

    For the API description: whether it `takes_text` in its place, and `answers_text`.
    """

    takes_text: ClassVar[bool] = False
    answers_text: ClassVar[bool] = False

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)

    def run_child_validation(self, data: Any) -> list[Any]:
        items, errors = _read_each(self.child, enumerate(data))
        if errors:
            raise serializers.ValidationError(errors)
        return list(items.values())


class DictOf(serializers.DictField):
    """An object with values of one kind, read no further than to as many wrong ones as are told of."""

    def run_child_validation(self, data: Any) -> dict[str, Any]:
        values, errors = _read_each(self.child, ((str(key), value) for key, value in data.items()))
        if errors:
            raise serializers.ValidationError(errors)
        return values


class TextList(ListOf):
    """A list of texts; one text counts as a list of one."""

    takes_text = True
    child = Text()

    def to_internal_value(self, data: Any) -> list[Any]:
        return [self.child.run_validation(data)] if isinstance(data, str) else super().to_internal_value(data)


class Timestamp(serializers.DateTimeField):
    """UTC with milliseconds and `Z`."""

    def to_representation(self, value: datetime) -> str:
        return to_wire(value)


class Answer(Body):
    """What is answered, for the API description: every key is there but for those that are so `sometimes`, and null
    may stand for those that are `nullable`."""

    nullable: ClassVar[frozenset[str]] = frozenset()
    sometimes: ClassVar[frozenset[str]] = frozenset()

    def get_fields(self) -> dict[str, Any]:
        """As they were declared for what is sent, and as they come back."""
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name not in self.sometimes
            field.allow_null = field.allow_null or name in self.nullable
        return fields


class OpenAnswer(Answer):
    """An answer that may have keys that are not listed."""

    others = MappingProxyType({})


class StoredAnswer(Answer):
    """What is told of every stored resource as it is answered."""

    id = serializers.UUIDField()
    created_at = Timestamp()
    updated_at = Timestamp()


def _read_each(
    child: serializers.Field[Any, Any, Any, Any], items: Iterable[tuple[Any, Any]]
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """What was read, and what is wrong, by place."""
    values: dict[Any, Any] = {}
    errors: dict[Any, Any] = {}
    for place, item in items:
        try:
            values[place] = child.run_validation(item)
        except serializers.ValidationError as error:
            errors[place] = error.detail
            if len(errors) == MOST_PROBLEMS:
                break
    return values, errors
