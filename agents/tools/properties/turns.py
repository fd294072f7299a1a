"""Holds calls of a tool to its rate, whoever makes them and in whatever process."""

import hashlib
from collections.abc import Mapping
from uuid import UUID

from agents.tools.body import canonical, name_of, spec_of
from agents.tools.errors import NotYet
from agents.tools.properties.properties import Rate
from julep_project.core.json_value import Json
from julep_project.core.rates.calls import Turn, take_turn


class RateExceeded(NotYet):
    """The tool was called as often as its rate allows, and nothing was done. `wait_s`: when to come again."""

    kind = "RateExceeded"
    waits_for = "the rate of a tool"
    is_punctual = True

    def __init__(self, name: str, rate: Rate, turn: Turn) -> None:
        allowed = f"{rate.calls} times per {rate.per}"
        super().__init__(f"the tool {name!r} may be called {allowed}: try again in {turn.wait_s:.0f} s", turn.again_s)


def take_turn_of(developer_id: UUID, tool: Mapping[str, Json], *, caller: str, patience_s: float) -> None:
    """Return if the call may be made now, and count it. `caller` is the same when the same call comes again, as it does
    if its turn is within `patience_s`: it has a place in the line then.

    Raises:
        RateExceeded
    """
    rate = Rate.of(tool)
    if rate is None:
        return
    what = _counted_as(developer_id, tool)
    turn = take_turn(what, calls=rate.calls, period_s=rate.period_s, caller=caller, patience_s=patience_s)
    if turn.wait_s:
        raise RateExceeded(name_of(tool), rate, turn)


def _counted_as(developer_id: UUID, tool: Mapping[str, Json]) -> str:
    """What its calls are counted under: a stored tool by its id, one that a task defines by what it is."""
    if "id" in tool:
        return f"{developer_id}:{tool['id']}:{name_of(tool)}"
    told = canonical([tool.get("type"), spec_of(tool)])
    return f"{developer_id}:{hashlib.sha256(told.encode(errors='replace')).hexdigest()}:{name_of(tool)}"
