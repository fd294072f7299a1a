"""What a runner raises when a tool gives no result."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, ClassVar
from uuid import UUID

from julep_project.core.json_value import Json


class Delivery(Enum):
    """How far a call got that gave no result."""

    NOT_SENT = auto()
    ANSWERED = auto()
    UNCLEAR = auto()  # it left this machine, and nobody knows whether it was carried out


class ToolError(Exception):
    """The tool failed. `details` are for logs and for `catch`.

    `retryable`: the same call is likely to succeed later, so it is repeated without being asked. `repeatable`: a step
    with a `retry` of its own may repeat it; bad input and refused requests never are. `wait_s`: how long the other side
    asked to be left alone, if it did; `spread_s`: over how long those who wait for that should spread out.
    """

    # What `catch` and the log call it.
    kind: ClassVar[str] = "ToolError"

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        repeatable: bool = False,
        delivery: Delivery = Delivery.ANSWERED,
        details: Mapping[str, Any] | None = None,
        wait_s: float | None = None,
        spread_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.repeatable = retryable or repeatable
        self.delivery = delivery
        self.details = dict(details or {})
        self.wait_s = wait_s
        self.spread_s = spread_s


class StillRunning(ToolError):
    """The run that the call began goes on by itself. In a run the call is made again when that one has ended, under the
    same key; `wait_s`: at the latest after so long. A chat makes it again for so long, and takes what is so `meanwhile`
    for the result then."""

    kind = "StillRunning"

    def __init__(self, run_id: UUID, wait_s: float, meanwhile: Json = None) -> None:
        super().__init__(f"the run {run_id} goes on", wait_s=wait_s)
        self.run_id = run_id
        self.meanwhile = meanwhile


class NotYet(ToolError):
    """It is not the call's turn, and nothing was done: it is to be made again after `wait_s`, under the same key.
    Nobody holds a thread meanwhile."""

    kind = "NotYet"
    # In words that follow "waits for".
    waits_for: ClassVar[str] = "its turn"
    # The time is that of this call alone, and kept for it for a moment only: nobody has to be spread out.
    is_punctual: ClassVar[bool] = False

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message, retryable=True, delivery=Delivery.NOT_SENT, wait_s=wait_s)


class ReportedError(ToolError):
    """The tool was carried out as it was asked to, and says itself that it failed: a model is told what it says."""


class BadArguments(ToolError):
    """The arguments do not fit the tool; whoever made them can make better ones."""

    def __init__(self, message: str) -> None:
        super().__init__(message, delivery=Delivery.NOT_SENT)
