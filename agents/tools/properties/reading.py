"""Properties of a tool as clients write them, beside its spec."""

import math
from collections.abc import Mapping
from typing import Any

from agents.tool_kinds import CLIENT_RUN
from agents.tool_types import Effect
from agents.tools.properties.words import LONGEST_TIMEOUT_S, MOST_CALLS, PERIODS_S, SHORTEST_TIMEOUT_S
from julep_project.core.reading.validation import ABSENT, Path, as_object, invalid, not_one_of


def read_idempotent(body: Mapping[str, Any], where: Path) -> bool | None:
    """Whether a call may be made again, if the body says so. `at_most_once` says the opposite of `idempotent`.

    Raises:
        InvalidInput
    """
    idempotent, once = _flag(body, "idempotent", where), _flag(body, "at_most_once", where)
    if idempotent is not None and idempotent is once:
        told = "It contradicts `at_most_once`, which says that a call is not made again"
        raise invalid([*where, "idempotent"], "value_error", received=idempotent, msg=told, fix="Send one of the two")
    return idempotent if once is None else not once


def read_effect(body: Mapping[str, Any], where: Path) -> str | None:
    """What calls do to the world, if the body says so.

    Raises:
        InvalidInput
    """
    effect = body.get("effect")
    words = [each.value for each in Effect]
    if effect is not None and effect not in words:
        raise not_one_of([*where, "effect"], words, effect)
    return effect


def read_timeout(body: Mapping[str, Any], kind: str, where: Path) -> float | None:
    """How long a call may take, in seconds, if the body says so.

    Raises:
        InvalidInput
    """
    timeout: float | None = body.get("timeout")
    loc = [*where, "timeout"]
    if timeout is None:
        return None
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not is_number or (isinstance(timeout, float) and not math.isfinite(timeout)):
        raise invalid(loc, "float_type", received=timeout)
    if kind in CLIENT_RUN:
        told = "the client runs this tool: a step that calls it has a `timeout` of its own"
        raise invalid(loc, "value_error", received=timeout, msg=told)
    if timeout < SHORTEST_TIMEOUT_S:
        raise invalid(loc, "greater_than_equal", received=timeout, bound=SHORTEST_TIMEOUT_S)
    if timeout > LONGEST_TIMEOUT_S:
        raise invalid(loc, "less_than_equal", received=timeout, bound=LONGEST_TIMEOUT_S)
    return timeout


def read_rate(body: Mapping[str, Any], kind: str, where: Path) -> dict[str, Any] | None:
    """How many calls may be made in a period, if the body says so.

    Raises:
        InvalidInput
    """
    if body.get("rate") is None:
        return None
    loc = [*where, "rate"]
    rate = as_object(body["rate"], loc)
    if kind in CLIENT_RUN:
        raise invalid(loc, "value_error", received=dict(rate), msg="the client runs this tool: it counts its own calls")
    for name in rate.keys() - {"calls", "per"}:
        raise invalid([*loc, name], "extra_forbidden", received=rate[name])
    return {"calls": _whole(rate.get("calls", ABSENT), [*loc, "calls"]), "per": _period(rate, [*loc, "per"])}


def _flag(body: Mapping[str, Any], name: str, where: Path) -> bool | None:
    declared = body.get(name)
    if declared is not None and not isinstance(declared, bool):
        raise invalid([*where, name], "bool_type", received=declared)
    return declared


def _whole(number: Any, loc: Path) -> int:
    if number is ABSENT:
        raise invalid(loc, "missing")
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid(loc, "int_type", received=number)
    if number < 1:
        raise invalid(loc, "greater_than_equal", received=number, bound=1)
    if number > MOST_CALLS:
        raise invalid(loc, "less_than_equal", received=number, bound=MOST_CALLS)
    return number


def _period(rate: Mapping[str, Any], loc: Path) -> str:
    if "per" not in rate:
        raise invalid(loc, "missing")
    period = rate["per"]
    if not isinstance(period, str) or period not in PERIODS_S:
        raise not_one_of(loc, list(PERIODS_S), period)
    return period
