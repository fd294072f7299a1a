"""When a failed effect is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts in all, and the pauses between them: `initial_s`, then multiplied by `backoff`, at most `max_s`."""

    max_attempts: int
    initial_s: float = 1.0
    backoff: float = 2.0
    max_s: float = 300.0

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The step's own `retry`, else the default of `MAX_ATTEMPTS` attempts."""
        return cls(**{"max_attempts": settings.MAX_ATTEMPTS, **(options.get("retry") or {})})

    def wait_s(self, attempts: int) -> float:
        """Seconds to wait after that many attempts."""
        return min(self.max_s, self.initial_s * self.backoff ** (attempts - 1))
