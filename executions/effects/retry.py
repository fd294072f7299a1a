"""When a failed effect is tried again, and the notes that are kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings

from agents.tools.errors import Delivery
from julep_project.core.work.backoff import Backoff

# Notes kept of one effect, and characters of each reason.
MAX_NOTES = 25
MAX_REASON = 300
_LOST = "the worker was lost"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt gave no result.

    `retryable`: tried again without being asked. `repeatable`: tried again if the step has a `retry` of its own.
    `delivery` matters for what must not be done twice; `wait_s` is what the other side asks for.
    """

    message: str
    type: str
    retryable: bool = False
    repeatable: bool = False
    delivery: Delivery = Delivery.ANSWERED
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts in all, and the pauses between them: `initial_s`, then multiplied by `backoff`, at most `max_s`.

    Each is drawn from the upper half of that, and is no shorter than the other side asks for.
    """

    max_attempts: int
    initial_s: float = 1.0
    backoff: float = 2.0
    max_s: float = 300.0
    is_explicit: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The step's own `retry`, else the default of `MAX_ATTEMPTS` attempts."""
        own = options.get("retry")
        return cls(**{"max_attempts": settings.MAX_ATTEMPTS, **(own or {})}, is_explicit=own is not None)

    def repeats(self, refusal: Refusal, attempts: int, *, at_most_once: bool = False) -> bool:
        """Whether to try again after that many attempts, the last of which was refused."""
        if at_most_once and refusal.delivery is not Delivery.NOT_SENT:
            return False
        wanted = refusal.retryable or (self.is_explicit and refusal.repeatable)
        return wanted and attempts < self.max_attempts

    def wait_s(self, attempts: int, refusal: Refusal) -> float:
        """Seconds to wait after that many attempts, the last of which was refused."""
        pauses = Backoff(first_s=self.initial_s, factor=self.backoff, cap_s=self.max_s)
        return round(pauses.pause_s(attempts, hint_s=refusal.wait_s), 3)


def notes_of(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A note for each earlier attempt, the newest last; one that left none lost its worker."""
    stored = list(effect.get("retries") or ())
    lost = range(_last_noted(effect) + 1, effect["attempts"])
    return [*stored, *({"attempt": attempt, "error": _LOST, "wait_s": 0} for attempt in lost)][-MAX_NOTES:]


def told_with_notes(
    event: dict[str, Any], effect: Mapping[str, Any], at: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The event that ends an effect, with the notes of its earlier attempts, and when the last one was made."""
    notes = [*notes_of(effect), *([] if at is None else [dict(at)])]
    return {**event, "retries": notes} if notes else event


def notes_after(
    effect: Mapping[str, Any], refusal: Refusal, wait_s: float, at: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The notes with the current attempt's added: it failed, and the next one comes after a pause."""
    note = {"attempt": effect["attempts"], "error": refusal.message[:MAX_REASON], "wait_s": wait_s, **(at or {})}
    return [*notes_of(effect), note][-MAX_NOTES:]


def lost_its_worker(effect: Mapping[str, Any]) -> bool:
    """Whether the attempt before the current one ended without a word."""
    return _last_noted(effect) < int(effect["attempts"]) - 1


def _last_noted(effect: Mapping[str, Any]) -> int:
    stored = effect.get("retries")
    return int(stored[-1]["attempt"]) if stored else 0
