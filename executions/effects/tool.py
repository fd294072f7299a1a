"""Effect of a tool step, and of a prompt that runs its tools: run the tool, if need be when a person has agreed."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from agents.calls.purpose import calling_for
from agents.tools.actions import Given
from agents.tools.approval import check_agreed
from agents.tools.errors import BadArguments, ReportedError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from executions.effects.influence import influence_on
from executions.engine.draft import AGREED, GIVEN
from executions.engine.run import Run
from julep_project.core.actor import Actor, ActorKind, acting_as


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives the tool's result; everything it needs from the database is read by now.

    Raises:
        ApprovalNeeded: a person must agree to the call first.
    """
    request = effect["request"]
    tool = run.as_known_now(request["tool"])
    from_model = request.get("from_model") is True
    secrets = request.get("secrets") or {}
    wanted = WantedCall(tool, request["arguments"], presets=run.presets, secrets=secrets, from_model=from_model)
    decided: dict[str, Any] = {"agreed": effect.get(AGREED), "influence": influence_on(run, effect)}
    # A model that gave the wrong arguments is told so when the call is made.
    with suppress(BadArguments):
        check_agreed(wanted, **decided)
    call = partial(run_tool, _caller(run, effect), wanted, **decided)
    return partial(_acting, run, run.about, partial(_told, call) if from_model else call)


def _caller(run: Run, effect: dict[str, Any]) -> Caller:
    return Caller(
        run.developer,
        effect["key"],
        timeout_s=effect["options"].get("timeout"),
        depth=run.depth,
        agent_id=run.agent_id,
        user_id=run.user_id,
        comes_again=True,
        may_wait=True,
        given=Given.of(effect.get(GIVEN)),
    )


def _acting(run: Run, about: UUID | None, call: Callable[[], Any]) -> Any:
    """What the call changes here, the run has changed: the audit log says so."""
    with acting_as(Actor(ActorKind.RUN, str(run.execution_id))), calling_for(about=about):
        return call()


def _told(call: Callable[[], Any]) -> Any:
    """A model that gave the wrong arguments is told so, and may give others; so it is of what a tool says itself."""
    try:
        return call()
    except (BadArguments, ReportedError) as error:
        return f"error: {error.message}"
