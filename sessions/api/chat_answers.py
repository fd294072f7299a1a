"""What the API description says of the answers of chats."""

from rest_framework import serializers

from docs_store.api.serializers import DocReference
from julep_project.core.reading.fields import Answer, JsonObject, OpenAnswer, Text, Timestamp
from sessions.api.serializers import AskedCallAnswer, CallAnswer
from sessions.chat.chat_wire import FINISH_REASONS
from sessions.context.messages import Content


class ChatMessageAnswer(Answer):
    """What an agent said."""

    sometimes = frozenset({"name", "reasoning_content", "refusal"})

    role = serializers.ChoiceField(["assistant"])
    name = Text(help_text="of the agent, where several answer")
    content = Text(allow_null=True)
    refusal = Text(help_text="why the model would not answer, in its words")
    reasoning_content = Text(help_text="what the model thought before, where its provider tells")
    tool_calls = serializers.ListField(child=CallAnswer(), allow_null=True, help_text="for the client to answer")


class ChatChoiceAnswer(Answer):
    """The reply of one agent."""

    index = serializers.IntegerField()
    finish_reason = serializers.ChoiceField(FINISH_REASONS)
    message = ChatMessageAnswer()
    tool_calls = serializers.ListField(child=CallAnswer(), allow_null=True, help_text="those of the message")
    logprobs = JsonObject(allow_null=True)


class ChatUsageAnswer(Answer):
    """Tokens of all calls of models together."""

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class ChatAnswer(Answer):
    """The answer of a chat."""

    sometimes = frozenset({"requires_action"})

    id = serializers.UUIDField()
    created_at = Timestamp()
    jobs = serializers.ListField(child=serializers.UUIDField())
    docs = DocReference(many=True, help_text="what the conversation was reminded of")
    usage = ChatUsageAnswer()
    choices = ChatChoiceAnswer(many=True)
    requires_action = AskedCallAnswer(many=True, help_text="calls that a person has to decide about")


class PromptMessageAnswer(OpenAnswer):
    """A message that a model is asked with; some have what only their provider knows."""

    sometimes = frozenset({"content", "name", "tool_call_id", "tool_calls"})

    role = Text()
    content = Content(allow_null=True)
    name = Text()
    tool_call_id = Text()
    tool_calls = serializers.ListField(child=CallAnswer(), allow_null=True)


class OfferedToolAnswer(Answer):
    """A tool as a model is told of it."""

    sometimes = frozenset({"created_at", "function", "id", "updated_at"})

    id = serializers.UUIDField(help_text="of a tool that is stored")
    created_at = Timestamp()
    updated_at = Timestamp()
    name = Text()
    type = Text()
    description = Text(allow_null=True)
    parameters = JsonObject()
    function = JsonObject(help_text="the same of a function, as models are told")


class RenderAnswer(Answer):
    """What a model would be asked with."""

    messages = PromptMessageAnswer(many=True)
    docs = DocReference(many=True)
    tools = OfferedToolAnswer(many=True)
    tool_choice = serializers.JSONField()
