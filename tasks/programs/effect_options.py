"""`retry` and `timeout` of a step that works outside the database."""

from collections.abc import Mapping
from typing import Any

from julep_project.core.limits import LONGEST_ATTEMPT_S
from tasks.steps.reader import StepReader

OPTION_KEYS = frozenset({"retry", "timeout"})
MAX_ATTEMPTS = 25
MAX_PAUSE_S = 3_600
MAX_TIMEOUT_S = LONGEST_ATTEMPT_S
_MIN_TIMEOUT_S = 0.1
_PAUSES: dict[str, tuple[float, float]] = {
    "initial_s": (0, MAX_PAUSE_S),
    "backoff": (1, 10),
    "max_s": (0, MAX_PAUSE_S),
}


def read_options(raw: Mapping[str, Any], reader: StepReader) -> dict[str, Any]:
    """What is given of `retry: {max_attempts, initial_s, backoff, max_s}` and `timeout` (seconds)."""
    options: dict[str, Any] = {}
    if raw.get("retry") is not None:
        options["retry"] = _read_retry(reader.literal(raw["retry"], "retry", (dict,), {}), reader.at("retry"))
    timeout = reader.number(raw.get("timeout"), "timeout", low=_MIN_TIMEOUT_S, high=MAX_TIMEOUT_S)
    return options if timeout is None else {**options, "timeout": timeout}


def _read_retry(raw: Mapping[str, Any], reader: StepReader) -> dict[str, Any]:
    reader.unknown_keys(raw, {"max_attempts", *_PAUSES}, "retry")
    retry: dict[str, Any] = {}
    if raw.get("max_attempts") is not None:
        retry["max_attempts"] = reader.whole_number(
            raw["max_attempts"], "max_attempts", low=1, high=MAX_ATTEMPTS, default=1
        )
    for key, (low, high) in _PAUSES.items():
        number = reader.number(raw.get(key), key, low=low, high=high)
        if number is not None:
            retry[key] = number
    return retry
