"""How much work one claim does, and what becomes of work that cannot be done."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from agents.models import Developer
from executions import services
from executions.engine import advance, claims, dispatch
from executions.engine.sweep import sweep
from executions.models import Branch, Execution, LoopItem, Transition
from executions.states import BranchStatus
from julep_project.core.errors import NotFound
from tasks.models import Task
from tests.flow_runner import FlowRunner


def created(runner: FlowRunner, main: list[Any]) -> str:
    answer = runner.create({"main": main})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


class Rings(dispatch.CeleryDispatcher):
    """Keeps what is rung instead of sending it."""

    def __init__(self, *, waiting: int = 0) -> None:
        self.sent: list[tuple[str, UUID]] = []
        self._waiting = waiting

    def backlog(self, queue: str) -> int:
        return self._waiting

    def advance(self, branch_id: UUID, *, delay_s: float = 0) -> None:
        self.sent.append(("advance", branch_id))

    def effect(self, branch_id: UUID, *, delay_s: float = 0) -> None:
        self.sent.append(("effect", branch_id))

    def lane(self, parent_id: UUID) -> None:
        self.sent.append(("lane", parent_id))


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


@pytest.mark.parametrize(
    ("fields", "ring"),
    [
        ({"status": BranchStatus.READY, "rung_at": None}, "advance"),
        ({"status": BranchStatus.RUNNING, "lease_until": "past", "rung_at": None}, "advance"),
        ({"status": BranchStatus.SLEEPING, "wake_at": "past", "rung_at": None}, "advance"),
        ({"status": BranchStatus.AWAITING_INPUT, "wake_at": "past", "rung_at": None}, "advance"),
        ({"status": BranchStatus.CALLING, "rung_at": None}, "effect"),
        ({"status": BranchStatus.CALLING, "wake_at": "past", "rung_at": None}, "effect"),
        ({"status": BranchStatus.READY, "rung_at": "now"}, None),
        ({"status": BranchStatus.RUNNING, "lease_until": "future", "rung_at": None}, None),
        ({"status": BranchStatus.SLEEPING, "wake_at": "future", "rung_at": None}, None),
        ({"status": BranchStatus.AWAITING_INPUT, "rung_at": None}, None),
        ({"status": BranchStatus.CALLING, "lease_until": "future", "rung_at": None}, None),
        ({"status": BranchStatus.DONE, "rung_at": None}, None),
    ],
)
def test_the_sweeper_rings_for_what_nobody_looks_at(
    waiting: Execution, fields: dict[str, Any], ring: str | None
) -> None:
    Branch.objects.update(**{name: moment(value) for name, value in fields.items()})
    rings = Rings()

    sweep(rings)
    sweep(rings)

    assert rings.sent == ([(ring, Branch.objects.get().pk)] if ring else [])


def test_the_sweeper_adds_little_to_a_queue_that_is_long(waiting: Execution) -> None:
    fields = {"execution": waiting, "status": BranchStatus.READY, "rung_at": None}
    Branch.objects.bulk_create(Branch(**fields) for _ in range(40))

    assert sweep(Rings(waiting=10_000)) == {"ready": 25}
    assert sweep(Rings(waiting=990)) == {"ready": 15}


def test_a_queue_that_nobody_made_yet_has_no_backlog() -> None:
    assert dispatch.CeleryDispatcher().backlog(f"never-{uuid4()}") == 0


def test_the_sweeper_leaves_ended_runs_alone(waiting: Execution) -> None:
    Branch.objects.update(status=BranchStatus.READY, rung_at=None)
    Execution.objects.update(status="cancelled")
    rings = Rings()

    assert sweep(rings) == {}
    assert rings.sent == []


def test_the_sweeper_fills_the_free_places_of_a_map(flow: FlowRunner) -> None:
    main = [{"over": "$ [1, 2, 3, 4]", "map": {"wait_for_input": {"info": "$ _"}}, "parallelism": 2}]
    task = created(flow, main)
    flow.dispatcher.lanes = lambda parent, count: None  # type: ignore[method-assign]
    flow.start(task, {})
    Branch.objects.update(rung_at=None)
    rings = Rings()

    assert sweep(rings) == {"lanes": 2}
    assert [kind for kind, _ in rings.sent] == ["lane", "lane"]


def test_cancel_refuses_what_workers_still_bring(flow: FlowRunner, waiting: Execution) -> None:
    Branch.objects.update(status=BranchStatus.READY, wait_id=None, event={"kind": "input", "value": 1})
    claim = claims.claim_branch(Branch.objects.get().pk, "worker")
    assert claim is not None

    answer = flow.api.put(f"/executions/{waiting.pk}", {"status": "cancelled"})

    assert answer.json()["status"] == "cancelled"
    assert advance.advance_branch(claim.branch_id, owner="worker") is None
    assert list(Transition.objects.values_list("type", flat=True)) == ["init", "wait", "cancelled"]


def moment(value: Any) -> Any:
    """`past`, `now` and `future` as times; anything else as it is."""
    offsets = {"past": -60, "now": 0, "future": 60}
    if isinstance(value, str) and value in offsets:
        return timezone.now() + timedelta(seconds=offsets[value])
    return value


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
