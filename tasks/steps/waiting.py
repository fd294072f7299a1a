"""What steps that wait have in common: for how long they do, and what happens then."""

from collections.abc import Mapping
from typing import Any

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext
from tasks.steps.outcomes import Done, Enter, Outcome
from tasks.steps.reader import StepReader

_MIN_TIMEOUT_S = 1
_MAX_TIMEOUT_S = 10 * 366 * 86_400


def read_timeout(content: Mapping[str, Any], place: StepReader) -> float | None:
    """The seconds it waits; None stands for ever."""
    return place.number(content.get("timeout"), "timeout", low=_MIN_TIMEOUT_S, high=_MAX_TIMEOUT_S)


def read_on_timeout(content: Mapping[str, Any], place: StepReader) -> Value | None:
    """What is output after the timeout; null is a value, too."""
    return place.value(content["on_timeout"], "on_timeout") if "on_timeout" in content else None


def check_ways(raw: Mapping[str, Any], content: Mapping[str, Any], reader: StepReader, key: str) -> None:
    """What is to happen after the timeout needs one, and is one thing."""
    in_step = reader.at(key).at("on_timeout") if "on_timeout" in content else None
    beside = reader.at("timed_out") if raw.get("timed_out") is not None else None
    for place in (in_step, beside):
        if place is not None and content.get("timeout") is None:
            place.problem("needs `timeout`", "missing")
    if in_step is not None and beside is not None:
        beside.problem("there is `on_timeout` already: one of the two", "conflict")


def given_up(
    ctx: StepContext, timed_out: tuple[Step, ...], on_timeout: Value | None, names: Mapping[str, Json] | None = None
) -> Outcome | None:
    """What happens after the timeout; None where nothing was said. Both ways see `names`."""
    if timed_out:
        return Enter("timed_out", ctx.input, display="timed_out", names=dict(names or {}))
    return None if on_timeout is None else ended_late(ctx.resolve(on_timeout, **(names or {})))


def ended_late(output: Json) -> Done:
    """The wait is over, by its timeout."""
    return Done(output, metadata={"timed_out": True})
