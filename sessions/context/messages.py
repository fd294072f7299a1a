"""Messages of a chat as clients send them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.llm.answer import Answer
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import LONGEST_NAME, Body, Example, ListOf, Text
from julep_project.core.reading.jsontext import to_json_text

ROLES = ("user", "assistant", "system", "tool")
_REFUSAL = "refusal"
_PARTS = ("text", "image_url", "tool_result", _REFUSAL)
_DETAILS = ("low", "high", "auto")
# Some providers put a whole signature of the model's thoughts into the id of a call.
LONGEST_CALL_ID = 16_384


class ImageBody(Body):
    """Where an image is. Keys we do not know are for the provider and stay."""

    others = MappingProxyType({})

    url = Text(min_length=1)
    detail = serializers.ChoiceField(required=False, choices=_DETAILS)


class PartBody(Body):
    """One part of a content. Keys we do not know are for the provider and stay."""

    others = MappingProxyType({})

    type = serializers.ChoiceField(choices=_PARTS)
    text = Text(required=False)
    image_url = ImageBody(required=False)
    refusal = Text(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """The part as sent, with its type."""
        if isinstance(data, Mapping) and data.get("type") is None:
            kind = next((name for name in _PARTS if name in data), None)
            data = {**data, "type": kind} if kind else data
        kind = super().to_internal_value(data)["type"]
        if kind in self.fields and data.get(kind) is None:
            raise serializers.ValidationError({kind: [_detail("This field is required.", "missing")]})
        return {name: value for name, value in data.items() if value is not None}


class Content(ListOf):
    """A text, or a list of parts; a text in the list is a text part."""

    takes_text = answers_text = True
    child = PartBody()
    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be text or a list of parts."}

    def to_internal_value(self, data: Any) -> Any:
        """The text or the parts."""
        if isinstance(data, str):
            return data
        if not isinstance(data, list):
            self.fail("string_type")
        return super().to_internal_value([_as_part(item) for item in data])


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": {}}]})
class Arguments(serializers.Field[Json, Json, Json, Json]):
    """An object, or the text of one."""

    def to_internal_value(self, data: Json) -> Json:
        return data


class FunctionCallBody(Body):
    """What a call calls. Arguments sent as an object become the JSON text providers expect."""

    name = Text(min_length=1)
    arguments = Arguments(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """The name and the text of the arguments."""
        name = super().to_internal_value(data)["name"]
        arguments = data.get("arguments")
        text = arguments if isinstance(arguments, str) else "{}" if arguments is None else to_json_text(arguments)
        return {"name": name, "arguments": text}


class ToolCallBody(Body):
    """One call of a tool that a model made. Keys we do not know are for the provider and stay."""

    others = MappingProxyType({})

    id = Text(min_length=1, max_length=LONGEST_CALL_ID)
    type = Text(required=False)
    function = FunctionCallBody(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """The call as sent, with its type and its function in the usual form."""
        read = super().to_internal_value(data)
        kind = read.get("type", "function")
        if kind == "function" and "function" not in read:
            raise serializers.ValidationError({"function": [_detail("This field is required.", "missing")]})
        return {**data, "type": kind, **({"function": read["function"]} if "function" in read else {})}


class MessageBody(Body):
    """One message. Those that could only spoil a conversation, because they say nothing, are refused."""

    example = Example(role="user", content="When is high tide?")

    role = serializers.ChoiceField(choices=ROLES)
    content = Content(required=False, allow_null=True)
    name = Text(required=False, max_length=LONGEST_NAME)
    tool_call_id = Text(required=False, min_length=1, max_length=LONGEST_CALL_ID)
    tool_calls = ListOf(required=False, child=ToolCallBody())

    def validate(self, attrs: Any) -> Any:
        role = attrs["role"]
        if role == "tool" and "tool_call_id" not in attrs:
            raise serializers.ValidationError({"tool_call_id": [_detail("This field is required.", "missing")]})
        says = says_something(attrs.get("content")) or (role == "assistant" and attrs.get("tool_calls"))
        if role != "tool" and not says:
            raise serializers.ValidationError({"content": [_detail("The message is empty.", "string_too_short")]})
        return attrs


def kept_message(reply: Answer) -> dict[str, Json]:
    """A reply as it is stored: what the model said to refuse is a part of the content."""
    message = reply.message()
    refusal = message.pop(_REFUSAL, None)
    if not refusal:
        return message
    texts = [{"type": "text", "text": reply.text}] if reply.text else []
    return {**message, "content": [*texts, {"type": _REFUSAL, _REFUSAL: refusal}]}


def says_something(content: Json) -> bool:
    """Whether there is more in a content than white space: providers refuse one that is blank."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or ()
    return any(part["type"] != "text" or part["text"].strip() for part in parts)


def _as_part(item: Json) -> Json:
    return {"type": "text", "text": item} if isinstance(item, str) else item


def _detail(text: str, code: str) -> serializers.ErrorDetail:
    return serializers.ErrorDetail(text, code=code)
