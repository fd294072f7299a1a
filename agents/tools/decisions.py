"""What a person says about a call that needs their agreement.

A decision names the call that was shown by its id and by the hash of its arguments: approving one call never makes
another, however alike they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.utils.crypto import constant_time_compare
from rest_framework import serializers

from agents.policy.influence import current_sources
from agents.tools.runners import current_depth
from julep_project.core.actor import ActorKind, current_actor
from julep_project.core.errors import Conflict, Forbidden
from julep_project.core.json_value import Json
from julep_project.core.reading.fields import JsonObject, StrictBody, Text
from julep_project.core.reading.validation import Path

APPROVE, DENY = "approve", "deny"
LONGEST_REASON = 2000
_HASH_LENGTH = 64
# Who acts without anybody who wants just that.
NOBODY = frozenset({ActorKind.RUN, ActorKind.SCHEDULE, ActorKind.HOOK, ActorKind.SYSTEM})


class ApprovalMismatch(Conflict):
    """The decision is about another call than the one that waits for it."""

    code = "approval_mismatch"


class DecisionBody(StrictBody):
    """A decision about one call."""

    id = serializers.UUIDField(help_text="of the call, as it was told")
    hash = Text(min_length=1, max_length=_HASH_LENGTH, help_text="of its arguments, as it was told")
    decision = serializers.ChoiceField(choices=[APPROVE, DENY])
    reason = Text(required=False, max_length=LONGEST_REASON, help_text="why it is denied; a model is told")


class AnsweringBody(DecisionBody):
    """A decision about one call that may have asked something."""

    answer = JsonObject(required=False, help_text="with `approve`, to what the call asks: it fits its `schema`")


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about the call with this id and hash, and what was answered to what it asks."""

    id: str
    hash: str
    approves: bool
    reason: str = ""
    answer: Mapping[str, Json] | None = None

    words: ClassVar[str] = "denied by a person"

    @classmethod
    def read(cls, value: Json, loc: Path) -> Self:
        """The decision in a body; `loc` is its place, for errors.

        Raises:
            InvalidInput
        """
        return cls.of(DecisionBody.read(value, loc=loc))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The decision in a checked body."""
        approves, reason = values["decision"] == APPROVE, values.get("reason", "")
        return cls(str(values["id"]), values["hash"], approves, reason, values.get("answer"))

    def check_is_about(self, call_id: str, hash_: str) -> None:
        """Raises `ApprovalMismatch` if it is about another call than this one."""
        if self.id != call_id:
            raise ApprovalMismatch("The decision is about another call: this one has another id")
        if not constant_time_compare(self.hash, hash_):
            raise ApprovalMismatch("The decision is about other arguments: look at the call again")

    @property
    def told(self) -> str:
        """A denial in words, for the model that made the call, and for the error of a step."""
        return f"{self.words}: {self.reason}" if self.reason else self.words

    def shown(self) -> dict[str, Json]:
        """The decision as logs keep it, without the answer."""
        return {"id": self.id, "hash": self.hash, "decision": APPROVE if self.approves else DENY}


def check_is_person() -> None:
    """Let nobody decide who is no person, and no program of the developer's with a key: what tools do is wanted by a
    model or a run, and what a hook brings by whoever called it, also when a person has that call taken again.

    Raises:
        Forbidden
    """
    if current_depth() or current_sources() or current_actor().kind in NOBODY:
        raise Forbidden("A person has to decide this; a tool or a hook cannot")
