"""What follows a call is run beside other calls only as far as it is light; the rest is left to the queue `engine`."""

from typing import Any

import pytest

from agents.models import Developer
from executions.effects.perform import perform_claimed, perform_effect
from executions.engine import dispatch
from executions.engine.advance import advance_branch
from executions.engine.lane import LaneStop, run_lane
from executions.models import Branch, Execution, Transition
from executions.services import start_execution
from executions.states import BranchStatus
from julep_project.devservices.loopback import Reply
from tasks.models import Task
from tests.effects.conftest import api_tool
from tests.executions.rings import Rings
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

CALL = {"tool": "world", "arguments": {}}
LIGHT = {"evaluate": {"n": "$ 1 + 1"}}
HEAVY = "sorted([3, 1])"


def started(flow: FlowRunner, main: list[Any], web_server: WebServer, rings: Rings, **task: Any) -> Execution:
    """A run that nobody has rung for yet."""
    tool = api_tool(web_server.script("/w", Reply(200, {"ok": True})))
    answer = flow.create({"main": main, "tools": [tool], **task})
    assert answer.status_code == 201, answer.json()
    with dispatch.dispatching_to(rings):
        return start_execution(developer=Developer.objects.get(), task=Task.objects.get(), input_={})


def steps(**found: Any) -> int:
    return Transition.objects.filter(type="step", **found).count()


@pytest.mark.parametrize(
    "heavy",
    [
        {"evaluate": {"n": f"$ {HEAVY}"}},
        {"log": f"{{{{ {HEAVY} }}}}"},
        {**CALL, "arguments": {"n": f"$ {HEAVY}"}},
        {"if": f"$ {HEAVY}", "then": LIGHT},
        {"over": f"$ {HEAVY}", "map": LIGHT},
        {"return": {"n": f"$ {HEAVY}"}},
    ],
    ids=lambda step: next(iter(step)),
)
def test_a_heavy_step_after_a_call_is_left_to_the_engine(
    flow: FlowRunner, web_server: WebServer, heavy: dict[str, Any]
) -> None:
    rings = Rings()
    execution = started(flow, [CALL, LIGHT, heavy, LIGHT], web_server, rings)
    branch = Branch.objects.get()
    called = advance_branch(branch.pk, owner="engine")
    assert called is not None and called.verdict.status is BranchStatus.CALLING

    advanced = perform_effect(branch.pk, owner="io")

    # The call and the light step after it are in the log, the heavy one is not, and an engine is rung for.
    assert steps() == 2
    assert advanced is not None and advanced.verdict.is_heavy
    dispatch.ring_after(advanced, rings)
    assert rings.sent[-1] == ("advance", branch.pk)
    branch.refresh_from_db()
    assert branch.status == BranchStatus.READY
    # There it is run, with what was computed before it.
    after = advance_branch(branch.pk, owner="engine")
    assert after is not None and after.verdict.status is not BranchStatus.READY
    execution.refresh_from_db()
    assert execution.status != "failed"


def test_light_steps_after_a_call_stay_where_it_was_made(flow: FlowRunner, web_server: WebServer) -> None:
    execution = started(flow, [CALL, LIGHT, LIGHT], web_server, Rings())
    branch = Branch.objects.get()
    advance_branch(branch.pk, owner="engine")

    advanced = perform_effect(branch.pk, owner="io")

    assert advanced is not None and not advanced.verdict.is_heavy
    execution.refresh_from_db()
    assert execution.status == "succeeded"


def test_a_lane_that_makes_calls_leaves_a_heavy_step_of_its_child_to_the_engine(
    flow: FlowRunner, web_server: WebServer
) -> None:
    rings = Rings()
    each = [CALL, {"evaluate": {"n": f"$ {HEAVY}"}}]
    started(flow, [{"over": "$ [1, 2]", "map": {"workflow": "each"}}], web_server, rings, each=each)
    parent = Branch.objects.get()
    advance_branch(parent.pk, owner="engine")
    stop = run_lane(parent.pk, None, owner="engine", dispatcher=rings, perform=perform_claimed)
    assert stop is not None and stop.calls and stop.child_id is not None

    at_calls = run_lane(parent.pk, stop.child_id, owner="io", dispatcher=rings, perform=perform_claimed, calls=True)

    assert at_calls == LaneStop(stop.child_id, calls=False)
    assert not Transition.objects.filter(branch_id=stop.child_id, output={"n": [1, 3]}).exists()
    run_lane(parent.pk, stop.child_id, owner="engine", dispatcher=rings, perform=perform_claimed)
    assert Branch.objects.get(pk=stop.child_id).status == BranchStatus.DONE
