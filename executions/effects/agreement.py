"""Effect of a call that the client is to make: nothing, once a person has agreed to it where that is needed."""

from collections.abc import Callable
from typing import Any

from agents.tools import presets
from agents.tools.approval import check_agreed
from agents.tools.supplied import WantedCall
from executions.effects.influence import influence_on
from executions.engine.draft import AGREED
from executions.engine.run import Run


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives `{arguments}`: those the client gets, which are those that were agreed to.

    Raises:
        ApprovalNeeded: a person must agree to the call first.
    """
    tool, arguments = effect["request"]["tool"], effect["request"]["arguments"]
    wanted = WantedCall(tool, arguments, presets=run.presets)
    check_agreed(wanted, agreed=effect.get(AGREED), influence=influence_on(run, effect))
    whole = presets.apply(run.presets, tool, arguments)
    return lambda: {"arguments": whole}
