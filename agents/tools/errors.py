"""What a runner raises when a tool gives no result."""

from collections.abc import Mapping
from typing import Any


class ToolError(Exception):
    """The tool failed. `retryable`: the same call may succeed later. `details` are for logs and for `catch`."""

    def __init__(self, message: str, *, retryable: bool = False, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.details = dict(details or {})
