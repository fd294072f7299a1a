"""Objects among the parameters of a chat completion: each with the keys that are published, and no others."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from agents.api.completion_messages import check_parts
from agents.request_schemas import ALLOWED_TOOLS, ResponseFormat, ToolChoice
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Body, JsonObject, StrictBody, Text
from julep_project.core.reading.serializer_errors import refuse_others, wrong

_MOST_METADATA, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512
_MOST_PARTS = 1000
_LONGEST_WORD = 255


class PublishedFormat(ResponseFormat):
    """The form of the answer."""

    def to_internal_value(self, data: Json) -> dict[str, Json]:
        found = super().to_internal_value(data)
        described = found["type"] == "json_schema"
        refuse_others(found, ("type", "json_schema") if described else ("type",))
        if described:
            refuse_others(found["json_schema"], ("name", "description", "schema", "strict"), "json_schema")
            if not isinstance(found["json_schema"].get("strict"), bool | None):
                raise wrong("bool_type", "json_schema", "strict")
        return found


class PublishedChoice(ToolChoice):
    """Which tool is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(takes_allowed_tools=True, **options)

    def to_internal_value(self, data: Json) -> Json:
        choice = super().to_internal_value(data)
        if isinstance(data, Mapping):
            kind, known = (ALLOWED_TOOLS, ("mode", "tools")) if "names" in choice else ("function", ("name",))
            refuse_others(data, ("type", kind))
            refuse_others(data[kind], known, kind)
        return choice


class _Whole(JsonObject):
    """An object that goes on as it is, once it was checked."""

    body: ClassVar[type[Body]]

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        self.body().run_validation(found)
        return found


class _Voice(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be the name or the id of a voice."}

    def to_internal_value(self, data: Any) -> Any:
        name = data.get("id") if isinstance(data, dict) else data
        if not isinstance(name, str) or not name:
            self.fail("string_type")
        if isinstance(data, dict):
            refuse_others(data, ("id",))
        return data


class _AudioBody(StrictBody):
    format = serializers.ChoiceField(["wav", "aac", "mp3", "flac", "opus", "pcm16"])
    voice = _Voice()


class Audio(_Whole):
    """How a model is to speak."""

    body = _AudioBody


class _PredictionContent(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = {"string_type": "Input should be text or a list of texts."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and 0 < len(data) <= _MOST_PARTS:
            check_parts(data, ("text",))
        elif not isinstance(data, str):
            self.fail("string_type")
        return data


class _PredictionBody(StrictBody):
    type = serializers.ChoiceField(["content"])
    content = _PredictionContent()


class Prediction(_Whole):
    """What the answer will be for the most part."""

    body = _PredictionBody


class _CacheBody(StrictBody):
    mode = serializers.ChoiceField(["implicit", "explicit"], required=False)
    ttl = Text(required=False, max_length=16)


class CacheOptions(_Whole):
    """How a prompt is kept for later ones."""

    body = _CacheBody


class _PolicyOfOneBody(StrictBody):
    mode = serializers.ChoiceField(["score", "block"])


class _PolicyBody(StrictBody):
    input = _PolicyOfOneBody(required=False)
    output = _PolicyOfOneBody(required=False)


class _ModerationBody(StrictBody):
    model = Text(min_length=1, max_length=_LONGEST_WORD)
    policy = _PolicyBody(required=False)


class Moderation(_Whole):
    """Whether question and answer are looked through."""

    body = _ModerationBody


class _TownBody(StrictBody):
    city = Text(required=False, max_length=_LONGEST_WORD)
    country = Text(required=False, max_length=_LONGEST_WORD)
    region = Text(required=False, max_length=_LONGEST_WORD)
    timezone = Text(required=False, max_length=_LONGEST_WORD)


class _PlaceBody(StrictBody):
    type = serializers.ChoiceField(["approximate"])
    approximate = _TownBody()


class _WebSearchBody(StrictBody):
    search_context_size = serializers.ChoiceField(["low", "medium", "high"], required=False)
    user_location = _PlaceBody(required=False)


class WebSearch(_Whole):
    """How a model looks into the web."""

    body = _WebSearchBody


class Metadata(JsonObject):
    """Texts under names, as a provider keeps them with an answer."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": (
            f"Input should have at most {_MOST_METADATA} texts of {_LONGEST_VALUE} characters, "
            f"under names of {_LONGEST_KEY}."
        )
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        fits = len(found) <= _MOST_METADATA and all(
            len(name) <= _LONGEST_KEY and isinstance(text, str) and len(text) <= _LONGEST_VALUE
            for name, text in found.items()
        )
        if not fits:
            self.fail("value_error")
        return found


class StreamOptions(StrictBody):
    """What a stream tells beside the answer."""

    include_usage = serializers.BooleanField(default=False)
    include_obfuscation = serializers.BooleanField(default=False)
