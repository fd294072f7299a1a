"""What becomes of a call that waited for something to be done outside.

What is called then stands in the branch's effect since it was first tried, and is not evaluated again.
"""

from collections.abc import Mapping
from typing import Any

from agents.tools.actions import Given, check_size
from agents.tools.decisions import check_is_person
from agents.tools.mcp.elicitation import FORM
from executions.engine.draft import ACTION, GIVEN, WAITS_FOR
from executions.models import Branch
from executions.states import BranchStatus


def is_action(branch: Branch) -> bool:
    """Whether the branch waits for something to be done before its call can be made."""
    return waited_for(branch).get("type") == ACTION


def takes_a_form(branch: Branch, shown: Any) -> bool:
    """Whether a form can answer what the branch waits for, by somebody who knows no more of it than what is `shown`:
    what a step of the program asks, and forms of MCP servers."""
    if branch.effect is None:
        return True
    return is_action(branch) and isinstance(shown, dict) and shown.get("mode") == FORM


def waited_for(branch: Branch) -> Mapping[str, Any]:
    """What the call of the branch waits for; nothing if it does not."""
    found = (branch.effect or {}).get(WAITS_FOR)
    return found if isinstance(found, Mapping) else {}


def answered(branch: Branch, value: Any) -> dict[str, Any]:
    """How the branch goes on when somebody has answered: the call is made again, and is given the value.

    Raises:
        Forbidden: it is not a person that answers. BadRequest: the value is too large.
    """
    check_is_person()
    check_size(value)
    return made_again(branch, value)


def made_again(branch: Branch, value: Any = None) -> dict[str, Any]:
    """How the branch goes on when what its call waited for was done."""
    waited = waited_for(branch)
    given = Given(str(waited["action"]), waited["kept"], value)
    return {
        "status": BranchStatus.CALLING,
        "event": None,
        "effect": {**_without_wait(branch), GIVEN: given.to_json()},
    }


def given_up(branch: Branch, kind: str, message: str) -> dict[str, Any]:
    """How the branch goes on when that will not be done: the step fails, or the model that made the call is told."""
    event: dict[str, Any] = {"kind": "failed", "message": message, "type": kind}
    if _without_wait(branch)["request"].get("from_model") is True:
        event = {"kind": "effect", "value": f"error: {message}"}
    return {"status": BranchStatus.READY, "event": event, "effect": None}


def _without_wait(branch: Branch) -> dict[str, Any]:
    return {name: part for name, part in (branch.effect or {}).items() if name != WAITS_FOR}
