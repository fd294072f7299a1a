"""What a runner raises when a tool gives no result."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any


class Delivery(Enum):
    """How far a call got that gave no result."""

    NOT_SENT = auto()
    ANSWERED = auto()
    UNCLEAR = auto()  # it left this machine, and nobody knows whether it was carried out


class ToolError(Exception):
    """The tool failed. `details` are for logs and for `catch`.

    `retryable`: the same call is likely to succeed later, so it is repeated without being asked. `repeatable`: a step
    with a `retry` of its own may repeat it; bad input and refused requests never are.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        repeatable: bool = False,
        delivery: Delivery = Delivery.ANSWERED,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.repeatable = retryable or repeatable
        self.delivery = delivery
        self.details = dict(details or {})


class BadArguments(ToolError):
    """The arguments do not fit the tool; whoever made them can make better ones."""

    def __init__(self, message: str) -> None:
        super().__init__(message, delivery=Delivery.NOT_SENT)
