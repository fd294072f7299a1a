"""What the API description says of items: what was said, called and found, each with all of its keys."""

from collections.abc import Callable
from functools import partial
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from julep_project.core.reading.fields import Answer, JsonObject, ListOf, OpenAnswer, Text
from sessions.responses.wire.items import PHASES, ROLES

_STATUSES = ["in_progress", "searching", "completed", "incomplete", "failed"]


def _kind(name: str) -> Any:
    return serializers.ChoiceField([name])


def _one_of(name: str, answers: dict[str, Any]) -> Callable[..., Any]:
    """Makes fields for one of several, which its `type` says."""
    return partial(
        PolymorphicProxySerializer, component_name=name, serializers=answers, resource_type_field_name="type"
    )


class TopLogprobAnswer(Answer):
    """How probable a token was."""

    token = Text()
    bytes = serializers.ListField(child=serializers.IntegerField())
    logprob = serializers.FloatField()


class TokenLogprobAnswer(TopLogprobAnswer):
    """How probable a token of the text was, and which others there were."""

    top_logprobs = TopLogprobAnswer(many=True)


class OutputTextAnswer(Answer):
    """Text of the model."""

    type = _kind("output_text")
    text = Text()
    annotations = serializers.ListField(child=JsonObject())
    logprobs = TokenLogprobAnswer(many=True, help_text="where they were asked for")


class RefusalAnswer(Answer):
    """Why the model would not answer, in its words."""

    type = _kind("refusal")
    refusal = Text()


class InputTextAnswer(Answer):
    """Text for the model."""

    type = _kind("input_text")
    text = Text()


class InputImageAnswer(Answer):
    """A picture for the model."""

    sometimes = frozenset({"image_url", "file_id"})

    type = _kind("input_image")
    detail = Text()
    image_url = Text()
    file_id = Text()


class InputFileAnswer(Answer):
    """A file for the model."""

    sometimes = frozenset({"file_data", "file_id", "file_url", "filename"})

    type = _kind("input_file")
    file_data = Text()
    file_id = Text()
    file_url = Text()
    filename = Text()


class AudioAnswer(Answer):
    """What is heard."""

    data = Text()  # type: ignore[assignment]  # a key of the OpenAI API
    format = Text()


class InputAudioAnswer(Answer):
    """Something to hear for the model."""

    type = _kind("input_audio")
    input_audio = AudioAnswer()


class SummaryTextAnswer(Answer):
    """A summary of what the model thought."""

    type = _kind("summary_text")
    text = Text()


class ReasoningTextAnswer(Answer):
    """What the model thought."""

    type = _kind("reasoning_text")
    text = Text()


PartAnswer = _one_of(
    "MessagePartAnswer",
    {
        "output_text": OutputTextAnswer,
        "refusal": RefusalAnswer,
        "input_text": InputTextAnswer,
        "input_image": InputImageAnswer,
        "input_file": InputFileAnswer,
        "input_audio": InputAudioAnswer,
    },
)


class Result(ListOf):
    """What a tool gave: a text, or parts."""

    answers_text = True


class _ItemAnswer(Answer):
    """What every item has. Rows of earlier versions do not say a status."""

    sometimes = frozenset({"status"})

    id = Text()
    status = serializers.ChoiceField(_STATUSES)


class MessageItemAnswer(_ItemAnswer):
    """What somebody said."""

    sometimes = frozenset({"status", "phase"})

    type = _kind("message")
    role = serializers.ChoiceField(ROLES)
    content = PartAnswer(many=True)
    phase = serializers.ChoiceField(PHASES, help_text="as it was sent")


class ReasoningItemAnswer(_ItemAnswer):
    """What the model thought before it spoke, where its provider tells."""

    sometimes = frozenset({"status", "content", "encrypted_content"})

    type = _kind("reasoning")
    summary = SummaryTextAnswer(many=True)
    content = ReasoningTextAnswer(many=True)
    encrypted_content = Text(help_text="sealed by this server, to be sent back")


class FunctionCallItemAnswer(_ItemAnswer):
    """A call of a function, for the client to answer."""

    type = _kind("function_call")
    call_id = Text()
    name = Text()
    arguments = Text(help_text="JSON")


class FunctionResultAnswer(_ItemAnswer):
    """The answer to it."""

    type = _kind("function_call_output")
    call_id = Text()
    output = Result(child=PartAnswer())


class CustomCallAnswer(_ItemAnswer):
    """A call of a tool that takes a text, for the client to answer."""

    type = _kind("custom_tool_call")
    call_id = Text()
    name = Text()
    input = Text()


class CustomResultAnswer(FunctionResultAnswer):
    """The answer to it."""

    type = _kind("custom_tool_call_output")


class SourceAnswer(Answer):
    """A page that was found."""

    type = _kind("url")
    url = Text()


class WebActionAnswer(OpenAnswer):
    """What was looked for; items that were made elsewhere have other actions, too."""

    sometimes = frozenset({"query", "queries", "sources"})

    type = Text()
    query = Text()
    queries = serializers.ListField(child=Text())
    sources = SourceAnswer(many=True, help_text="where they were asked for")


class WebSearchAnswer(_ItemAnswer):
    """A search of the web, made by this server."""

    sometimes = frozenset({"status", "action"})

    type = _kind("web_search_call")
    action = WebActionAnswer()


class PassageAnswer(OpenAnswer):
    """What was found in a document; items that were made elsewhere have other keys, too."""

    sometimes = frozenset({"file_id", "filename", "score", "text", "attributes"})
    nullable = frozenset({"filename", "score"})

    file_id = Text()
    filename = Text()
    score = serializers.FloatField()
    text = Text()
    attributes = JsonObject()


class FileSearchAnswer(_ItemAnswer):
    """A search of documents, made by this server."""

    nullable = frozenset({"results"})

    type = _kind("file_search_call")
    queries = serializers.ListField(child=Text())
    results = PassageAnswer(many=True, help_text="where they were asked for")


class CompactionAnswer(_ItemAnswer):
    """What was said before, in short, sealed by this server."""

    type = _kind("compaction")
    encrypted_content = Text()


ItemAnswer = _one_of(
    "ItemAnswer",
    {
        "message": MessageItemAnswer,
        "reasoning": ReasoningItemAnswer,
        "function_call": FunctionCallItemAnswer,
        "function_call_output": FunctionResultAnswer,
        "custom_tool_call": CustomCallAnswer,
        "custom_tool_call_output": CustomResultAnswer,
        "web_search_call": WebSearchAnswer,
        "file_search_call": FileSearchAnswer,
        "compaction": CompactionAnswer,
    },
)
