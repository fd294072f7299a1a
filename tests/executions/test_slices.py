"""How much work one claim does, and what becomes of work that cannot be done."""

from typing import Any
from uuid import uuid4

import pytest

from agents.models import Developer
from executions import services
from executions.engine import advance, dispatch
from executions.engine.rows import claims
from executions.models import Branch, Execution, LoopItem, Transition
from executions.states import BranchStatus
from julep_project.core.errors import NotFound
from tasks.models import Task
from tests.executions.rings import Rings
from tests.flow_runner import FlowRunner


def created(runner: FlowRunner, main: list[Any]) -> str:
    answer = runner.create({"main": main})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def test_forty_light_steps_are_one_claim_and_one_commit(flow: FlowRunner) -> None:
    task = created(flow, [{"evaluate": {"n": "$ _.n + 1"}}] * 40)

    execution = flow.start(task, {"n": 0})

    assert execution["output"] == {"n": 40}
    assert execution["transition_count"] == 41
    assert Branch.objects.get().version == 1


def test_a_slice_stops_at_its_budget_and_goes_on_with_the_next(flow: FlowRunner, settings: Any) -> None:
    settings.SLICE_STEPS = 10
    task = created(flow, [{"foreach": {"in": "$ list(range(30))", "do": {"evaluate": "$ _ * 2"}}}])

    execution = flow.start(task, {})

    assert execution["output"] == [n * 2 for n in range(30)]
    assert Branch.objects.get().version > 3
    assert LoopItem.objects.count() == 30


def test_a_program_that_keeps_ending_its_worker_fails(flow: FlowRunner, settings: Any) -> None:
    task = created(flow, [{"evaluate": {"n": "$ 1"}}])
    with dispatch.dispatching_to(Rings()):
        execution = services.start_execution(
            developer=Developer.objects.get(), task=Task.objects.get(pk=task), input_={}
        )
    branch = Branch.objects.get()
    for _ in range(settings.MAX_ATTEMPTS):
        assert claims.claim_branch(branch.pk, "the same message") is not None

    advance.advance_branch(branch.pk, owner="the same message")

    execution.refresh_from_db()
    assert execution.status == "failed"
    assert "giving up" in (execution.error or "")


@pytest.fixture
def waiting(flow: FlowRunner) -> Execution:
    execution = flow.start(created(flow, [{"wait_for_input": {"info": {"q": "$ 1"}}}]), {})
    assert execution["status"] == "awaiting_input"
    return Execution.objects.get()


def test_cancel_refuses_what_workers_still_bring(flow: FlowRunner, waiting: Execution) -> None:
    Branch.objects.update(status=BranchStatus.READY, wait_id=None, event={"kind": "input", "value": 1})
    claim = claims.claim_branch(Branch.objects.get().pk, "worker")
    assert claim is not None

    answer = flow.api.put(f"/executions/{waiting.pk}", {"status": "cancelled"})

    assert answer.json()["status"] == "cancelled"
    assert advance.advance_branch(claim.branch_id, owner="worker") is None
    assert list(Transition.objects.values_list("type", flat=True)) == ["init", "wait", "cancelled"]


def test_a_lane_goes_on_where_calls_are_made_and_keeps_its_place_in_the_chord() -> None:
    parent, child = uuid4(), uuid4()

    there = dispatch.lane_continuation(parent, child, calls=True)
    back = dispatch.lane_continuation(parent, None, calls=False)

    assert (there.args, there.kwargs, there.options["queue"]) == ((str(parent), str(child)), {"calls": True}, "io")
    assert (back.args, back.kwargs, back.options.get("queue")) == ((str(parent), None), {"calls": False}, None)


def test_a_run_starts_with_the_current_version_however_old_the_callers_task_is(flow: FlowRunner) -> None:
    task_id = created(flow, [{"evaluate": {"n": "$ 1"}}])
    old = Task.objects.get(pk=task_id)
    changed = flow.api.patch(f"/agents/{old.agent_id}/tasks/{task_id}", {"main": [{"evaluate": {"n": "$ 2"}}]})
    assert changed.status_code == 200, changed.json()

    with dispatch.dispatching_to(Rings()):
        execution = services.start_execution(developer=Developer.objects.get(), task=old, input_={})

    assert execution.task_version.number == 2
    Task.objects.all().delete()
    with pytest.raises(NotFound):
        services.start_execution(developer=Developer.objects.get(), task=old, input_={})
