"""What somebody has to do outside before a call can be made: sign in somewhere, answer a question of the other side.

Whatever carries out a tool raises `ActionNeeded`, which says what is to be done. In a run the call waits for that,
however long, and is made again then: with the same arguments, under the same key, and with what it kept and what it was
answered (`ToolCall.given`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from agents.tools.errors import Delivery, ToolError
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text

# Both lie in the row of the branch, which every commit writes anew.
MOST_KEPT_CHARACTERS = 64 * 1024
_TYPE, _KEPT, _ANSWER = "type", "kept", "answer"


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done, by whoever it is told.

    `told` is what people and clients see of it beside its `type`; an answer must fit the `schema` in it, if there is
    one. `key` stands for what the call waits for, which others may wait for too; when it has come about, they all go
    on. `seen` is its state when the call looked. `kept` is for the next attempt, and shown to nobody. When nothing has
    happened for `expires_s`, the call fails.
    """

    type: str
    told: Mapping[str, Json]
    expires_s: float
    key: str = ""
    seen: int = 0
    kept: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """What a call gets that was made before, and waited: what it kept then, and what it was answered."""

    type: str
    kept: Json = field(default=None, repr=False)
    answer: Json = field(default=None, repr=False)

    @classmethod
    def of(cls, stored: Json) -> Self | None:
        """What `to_json` gave."""
        return cls(stored[_TYPE], stored[_KEPT], stored[_ANSWER]) if isinstance(stored, dict) else None

    def to_json(self) -> Json:
        return {_TYPE: self.type, _KEPT: self.kept, _ANSWER: self.answer}


class ActionNeeded(ToolError):
    """The call cannot be made before somebody has done something, and nothing was done."""

    kind = "ActionNeeded"

    def __init__(self, message: str, action: Action) -> None:
        super().__init__(message, delivery=Delivery.NOT_SENT)
        self.action = action
        if len(to_json_text(action.kept)) > MOST_KEPT_CHARACTERS:
            raise ToolError(f"more than {MOST_KEPT_CHARACTERS:,} characters would have to be kept of the call")

    @property
    def shown(self) -> dict[str, Json]:
        """What people and clients see of it."""
        return {**self.action.told, "type": self.action.type, "message": self.message}


class ActionExpired(ToolError):
    """Nobody did what the call waited for."""

    kind = "ActionExpired"


def check_size(answer: Json) -> None:
    """Return if so much can be kept of what somebody answers.

    Raises:
        BadRequest
    """
    if len(to_json_text(answer)) > MOST_KEPT_CHARACTERS:
        raise BadRequest(f"The answer to this wait has at most {MOST_KEPT_CHARACTERS:,} characters")
