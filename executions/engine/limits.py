"""Sizes and times the engine enforces."""

from typing import Any

from django.conf import settings

from julep_project.core.reading.jsontext import NotStorable, to_json_text

# Branches of one run that have not ended. Doubling them a few times is one line of a program.
MAX_BRANCHES = 200_000

# How long one message goes from call to call before others get their turn.
CALLS_S = 0.5

# How long steps may run between two calls: longer work belongs where it has a processor of its own.
STEPS_BETWEEN_CALLS_S = 0.05

# How long a slice that is run with care may take, as a part of its lease: long enough for all its steps, so that care
# ends, and short enough for one more that is slow.
_CAREFUL_PART = 4

# How many values of the largest size a step may gather in memory: inputs of its children, outputs of its turns.
_GATHERED = 4


def careful_s() -> float:
    """How long steps may run where each expression has a process of its own."""
    return settings.LEASE_SECONDS / _CAREFUL_PART


class OutputTooLarge(NotStorable):
    """A step's output is larger than the limit."""


def storable_text(value: Any) -> str:
    """JSON text of a step's output.

    Raises:
        NotStorable: JSON cannot hold it.
        OutputTooLarge: it is over `MAX_STEP_OUTPUT_BYTES`.
    """
    text = to_json_text(value)
    limit = settings.MAX_STEP_OUTPUT_BYTES
    if len(text) > limit or len(text) * 4 > limit and len(text.encode()) > limit:
        raise OutputTooLarge(f"the output is larger than {limit} bytes (setting MAX_STEP_OUTPUT_BYTES)")
    return text


def check_match(match: Any) -> None:
    """Refuse to wait for what no event can contain.

    Raises:
        NotStorable: JSON cannot hold it.
        OutputTooLarge: it is larger than an event may be.
    """
    limit = settings.MAX_EVENT_BYTES
    if len(to_json_text(match).encode()) > limit:
        raise OutputTooLarge(f"`match` is larger than an event may be: {limit} bytes (setting MAX_EVENT_BYTES)")


def check_gathered(size: int, what: str) -> None:
    """Refuse to gather values of that many bytes.

    Raises:
        OutputTooLarge: they are over the limit.
    """
    limit = _GATHERED * settings.MAX_STEP_OUTPUT_BYTES
    if size > limit:
        told = f"{_GATHERED} times the setting MAX_STEP_OUTPUT_BYTES"
        raise OutputTooLarge(f"{what} are larger than {limit} bytes together ({told})")
