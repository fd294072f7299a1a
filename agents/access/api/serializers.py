"""Bodies of `/api_keys`, and what is answered."""

from typing import Any

from rest_framework import serializers

from agents.access.models import ApiKey
from julep_project.core.api.auth import KeyScope
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    Answer,
    DisplayName,
    Example,
    ListOf,
    StoredAnswer,
    StrictBody,
    Text,
    Timestamp,
)


class KeyChanges(StrictBody):
    """What may be changed of a key."""

    example = Example(label="Night jobs")

    label = DisplayName(required=False)  # type: ignore[assignment]  # a field, not its label
    scopes = ListOf(
        child=serializers.ChoiceField(choices=[scope.value for scope in KeyScope]),
        required=False,
        min_length=1,
        max_length=len(KeyScope),
        help_text="what the key may do; a new one what its maker may",
    )
    expires_at = Timestamp(required=False, help_text="when it ends by itself")


class KeyBody(KeyChanges):
    """A new key."""

    example = Example(label="Night jobs", scopes=["read"])

    label = DisplayName(help_text="what the key is for")


class KeyAnswer(StoredAnswer, KeyBody):
    """A key, without what opens anything."""

    nullable = frozenset({"expires_at"})

    prefix = Text(help_text="how the key begins")
    last_used_at = Timestamp(allow_null=True, help_text="to the minute")
    revoked_at = Timestamp(allow_null=True)


class ConfiguredKeyAnswer(Answer):
    """A key that is a setting of the server, and is changed there."""

    label = Text()  # type: ignore[assignment]  # a field, not its label
    prefix = Text()
    scopes = ListOf(child=serializers.ChoiceField(choices=[scope.value for scope in KeyScope]))


class NewKeyAnswer(KeyAnswer):
    """A key as it is shown once."""

    key = Text(help_text="the key itself: it cannot be had again")


def key_to_wire(key: ApiKey) -> dict[str, Any]:
    moments = ("expires_at", "last_used_at", "revoked_at")
    told = {name: None if (moment := getattr(key, name)) is None else to_wire(moment) for name in moments}
    return {**row_to_wire(key, "label", "prefix", "scopes"), **told}
