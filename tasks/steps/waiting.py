"""What steps that wait have in common: for how long they do, and what happens then."""

from collections.abc import Mapping
from typing import Any

from tasks.steps.reader import StepReader

_MIN_TIMEOUT_S = 1
_MAX_TIMEOUT_S = 10 * 366 * 86_400


def read_timeout(content: Mapping[str, Any], place: StepReader) -> float | None:
    """The seconds it waits; None stands for ever."""
    return place.number(content.get("timeout"), "timeout", low=_MIN_TIMEOUT_S, high=_MAX_TIMEOUT_S)


def check_ways(raw: Mapping[str, Any], content: Mapping[str, Any], reader: StepReader, key: str) -> None:
    """What is to happen after the timeout needs one, and is one thing."""
    in_step = reader.at(key).at("on_timeout") if "on_timeout" in content else None
    beside = reader.at("timed_out") if raw.get("timed_out") is not None else None
    for place in (in_step, beside):
        if place is not None and content.get("timeout") is None:
            place.problem("needs `timeout`", "missing")
    if in_step is not None and beside is not None:
        beside.problem("there is `on_timeout` already: one of the two", "conflict")
