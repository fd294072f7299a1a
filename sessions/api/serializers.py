"""Bodies of sessions, and what the API description says of their answers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers

from docs_store.recall_options import RecallOptionsAnswer, RecallOptionsBody
from julep_project.core.errors import BadRequest
from julep_project.core.reading.fields import (
    LONGEST_NAME,
    Answer,
    Body,
    Example,
    JsonObject,
    ListOf,
    OpenAnswer,
    StoredAnswer,
    Text,
    Timestamp,
    example_id,
)
from julep_project.core.reading.validation import Path
from sessions.context.messages import ROLES, Content
from sessions.models import ContextOverflow, EntrySource, OnBusy

_LARGEST_BUDGET = 2**31 - 1
_MOST_PARTICIPANTS = 100


class SessionBody(Body):
    """What a client may change of a session."""

    example = Example(situation="At the harbour.")

    situation = Text(required=False, min_length=1)
    system_template = Text(required=False)
    render_templates = serializers.BooleanField(required=False)
    auto_run_tools = serializers.BooleanField(required=False)
    forward_tool_calls = serializers.BooleanField(required=False)
    token_budget = serializers.IntegerField(required=False, min_value=1, max_value=_LARGEST_BUDGET)
    context_overflow = serializers.ChoiceField(required=False, choices=ContextOverflow.choices)
    on_busy = serializers.ChoiceField(required=False, choices=OnBusy.choices)
    recall_options = RecallOptionsBody(required=False)
    metadata = JsonObject(required=False)


class NewSessionBody(SessionBody):
    """What a client may set on a new session."""

    example = Example(
        agent=example_id("agent"), user=example_id("user"), situation="At the harbour.", context_overflow="truncate"
    )

    agent = serializers.UUIDField(required=False)
    agent_id = serializers.UUIDField(required=False, help_text="another name of `agent`")
    agents = ListOf(required=False, child=serializers.UUIDField(), max_length=_MOST_PARTICIPANTS)
    user = serializers.UUIDField(required=False)
    user_id = serializers.UUIDField(required=False, help_text="another name of `user`")
    users = ListOf(required=False, child=serializers.UUIDField(), max_length=_MOST_PARTICIPANTS)

    @classmethod
    def read(cls, data: Any, *, partial: bool = False, loc: Path = ()) -> dict[str, Any]:
        """The checked values, with the ids of all `agents` and `users`, each once.

        Raises:
            InvalidInput
            BadRequest: not exactly one of `agent` and `agents`, or no agent at all.
        """
        values = super().read(data, partial=partial, loc=loc)
        return {**values, "agents": _participants(values, "agent"), "users": _participants(values, "user")}


class SessionAnswer(StoredAnswer, NewSessionBody):
    """A session as it is answered."""

    nullable = frozenset({"context_overflow", "recall_options", "situation", "system_template", "token_budget"})
    sometimes = frozenset({"agent", "user"})
    # Told by their first names.
    agent_id = user_id = None  # type: ignore[assignment]

    kind = Text()
    summary = Text(allow_null=True)
    recall_options = RecallOptionsAnswer()


class CalledFunctionAnswer(Answer):
    """What a call calls."""

    name = Text()
    arguments = Text(help_text="JSON")


class CallAnswer(OpenAnswer):
    """A call that a model made. Those of kinds that only their provider knows have other keys."""

    sometimes = frozenset({"function"})

    id = Text()
    type = Text()
    function = CalledFunctionAnswer()


class EntryAnswer(Answer):
    """An entry as it is answered."""

    id = serializers.UUIDField()
    created_at = Timestamp()
    timestamp = Timestamp()
    role = serializers.ChoiceField(choices=ROLES)
    name = Text(allow_null=True, max_length=LONGEST_NAME)
    content = Content(allow_null=True)
    source = serializers.ChoiceField(choices=EntrySource.choices)  # type: ignore[assignment]  # a key of the contract
    tokenizer = Text()
    token_count = serializers.IntegerField()
    model = Text()
    tool_calls = serializers.ListField(allow_null=True, child=CallAnswer())
    tool_call_id = Text(allow_null=True)


_SIGN_IN = ("url", "connection_id", "provider", "user_id")
_QUESTION = ("mode", "schema")


class AskedCallAnswer(Answer):
    """A call that a person has to decide about."""

    sometimes = frozenset({"method", "type", "message", "needs_approval", "because", "sources", *_SIGN_IN, *_QUESTION})

    id = serializers.UUIDField()
    tool_call_id = Text()
    tool = Text()
    method = Text(required=False)
    arguments = JsonObject()
    hash = Text()
    because = Text(required=False, help_text="why a person has to agree: `policy`, or `approval` of the tool")
    sources = JsonObject(required=False, help_text="with `policy`: where what is in the arguments comes from")
    expires_at = Timestamp()
    type = Text(required=False, help_text="what has to be done before it can be made: `connection`, `elicitation`")
    message = Text(required=False)
    url = Text(required=False, help_text="where it is done")
    mode = Text(required=False, help_text="whether a form is asked for, or that the `url` is opened: `form`, `url`")
    schema = JsonObject(required=False, help_text="what the `answer` has to be")
    connection_id = serializers.UUIDField(required=False)
    needs_approval = serializers.BooleanField(required=False, help_text="whether a person has to agree to it as well")
    provider = Text(required=False)
    user_id = serializers.UUIDField(required=False, allow_null=True)


class HistoryAnswer(Answer):
    """A history."""

    sometimes = frozenset({"requires_action"})

    session_id = serializers.UUIDField()
    created_at = Timestamp()
    relations = serializers.ListField(child=JsonObject())
    entries = EntryAnswer(many=True)
    requires_action = AskedCallAnswer(many=True, required=False)


def _participants(values: Mapping[str, Any], role: str) -> list[UUID]:
    """Those of a role: the list, or the single one under either of its names."""
    one = values.get(role) or values.get(f"{role}_id")
    several = values.get(f"{role}s")
    if role == "agent" and one and several is not None:
        raise BadRequest("Only one of 'agent' or 'agents' should be provided")
    if role == "agent" and not one and not several:
        raise BadRequest("At least one agent must be provided")
    found = ([one] if one else []) if several is None else several
    return list(dict.fromkeys(found))
