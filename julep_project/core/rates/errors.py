"""What is answered to who asks for too much.

TooManyRequests         429
  TooManyStreams
  TooManyRuns
"""

import math
from collections.abc import Mapping

from julep_project.core.errors import DomainError


class TooManyRequests(DomainError):
    """There were more requests in the last minute than are allowed."""

    status = 429
    code = "rate_limit_exceeded"
    retryable = True
    repeatable = True

    def __init__(self, message: str | None = None, *, wait_s: float = 1.0, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.retry_after_s = max(math.ceil(wait_s), 1)
        self.headers = dict(headers or {})


class TooManyStreams(TooManyRequests):
    """As many chats and streams are open as are allowed at once."""

    code = "too_many_streams"


class TooManyRuns(TooManyRequests):
    """As many runs are at work as are allowed at once."""

    code = "too_many_runs"
