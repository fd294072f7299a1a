"""The sweeper: what it rings for, and how much of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from executions.engine import dispatch
from executions.engine.rows import claims
from executions.engine.sweep import figures, sweep
from executions.models import Branch, Execution
from executions.states import BranchStatus
from tests.executions.rings import Rings
from tests.flow_runner import FlowRunner
from tests.work.kinds import tenant


def started(flow: FlowRunner, main: list[Any]) -> Execution:
    created = flow.create({"main": main})
    assert created.status_code == 201, created.json()
    return Execution.objects.get(pk=flow.start(created.json()["id"], {})["id"])


@pytest.fixture
def waiting(flow: FlowRunner) -> Execution:
    execution = started(flow, [{"wait_for_input": {"info": {"q": "$ 1"}}}])
    assert execution.status == "awaiting_input"
    return execution


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


def ready(run: Execution, count: int, rung_at: Any) -> None:
    fields = {"execution": run, "status": BranchStatus.READY, "rung_at": moment(rung_at)}
    Branch.objects.bulk_create(Branch(**fields) for _ in range(count))


@pytest.mark.parametrize("status", [BranchStatus.READY, BranchStatus.CALLING])
def test_of_each_developer_a_share_goes_with_others_and_the_rest_behind_them(
    waiting: Execution, flow: FlowRunner, settings: Any, status: str
) -> None:
    settings.TENANT_SHARE = 4
    ready(waiting, 40, None)
    other = Execution.objects.create(
        developer=tenant("other").developer, task=waiting.task, task_version=waiting.task_version
    )
    ready(other, 1, None)
    Branch.objects.filter(status=BranchStatus.READY).update(status=status)
    rings = Rings()

    sweep(rings)
    assert (len(rings.sent), len(rings.surplus)) == (41, 36)
    assert Branch.objects.get(execution=other).pk not in rings.surplus


@pytest.mark.parametrize(("messages", "rung"), [(0, 40), (10, 30), (40, 4), (600, 4)])
def test_what_has_a_message_in_the_queue_is_not_sent_another(waiting: Execution, messages: int, rung: int) -> None:
    """As far as that is known: where as many wait as rows have been rung for, none need have been lost."""
    ready(waiting, 40, "past")

    assert sweep(Rings(waiting=messages)) == {"ready": rung}


def test_what_was_never_rung_for_has_no_message(waiting: Execution) -> None:
    ready(waiting, 40, "past")
    ready(waiting, 40, None)

    assert sweep(Rings(waiting=60)) == {"ready": 40}


def test_a_backlog_does_not_grow_by_being_swept(waiting: Execution) -> None:
    ready(waiting, 300, None)
    rings = Rings()
    for _ in range(10):
        rings.waiting = len(rings.sent)
        sweep(rings)
        Branch.objects.filter(status=BranchStatus.READY).update(rung_at=moment("past"))

    assert len(rings.sent) == 300 + 9 * 4


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
    flow.dispatcher.lanes = lambda parent, count: None  # type: ignore[method-assign]
    started(flow, main)
    Branch.objects.update(rung_at=None)
    rings = Rings()

    assert sweep(rings) == {"lanes": 2}
    assert [kind for kind, _ in rings.sent] == ["lane", "lane"]


def pending_map(flow: FlowRunner, items: int, parallelism: int) -> Execution:
    """A run whose map lost all its lanes, some time ago."""
    flow.dispatcher.lanes = lambda parent, count: None  # type: ignore[method-assign]
    over = {"over": f"$ list(range({items}))", "map": {"evaluate": "$ _"}, "parallelism": parallelism}
    execution = started(flow, [over])
    Branch.objects.filter(status=BranchStatus.JOINING).update(rung_at=moment("past"))
    return execution


def test_lanes_are_rung_for_once_until_they_have_had_their_time(flow: FlowRunner) -> None:
    pending_map(flow, 4, 3)

    assert sweep(Rings()) == {"lanes": 3}
    assert sweep(Rings()) == {}
    Branch.objects.filter(status=BranchStatus.JOINING).update(rung_at=moment("past"))
    assert sweep(Rings()) == {"lanes": 3}


def test_there_are_no_more_lanes_in_a_sweep_than_there_is_room_and_the_rest_comes_next(
    flow: FlowRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executions.engine.sweep._BATCH", 25)
    for _ in range(4):
        pending_map(flow, 20, 10)
    first, second = Rings(), Rings()

    assert sweep(first) == {"lanes": 25}
    assert sweep(second) == {"lanes": 10}
    assert len({parent for _, parent in first.sent + second.sent}) == 4


@pytest.mark.parametrize(("messages", "lanes"), [(0, 20), (5, 15), (20, 2), (600, 2)])
def test_lanes_that_were_lost_go_behind_others_and_those_that_wait_are_not_doubled(
    flow: FlowRunner, messages: int, lanes: int
) -> None:
    for _ in range(2):
        pending_map(flow, 20, 10)
    rings = Rings(waiting=messages)

    assert sweep(rings) == {"lanes": lanes}
    # Of two runs nothing is at work.
    assert len(rings.surplus) == lanes - 2


def test_a_run_that_is_at_work_waits_behind_others_for_more_lanes(flow: FlowRunner) -> None:
    pending_map(flow, 20, 10)
    parent = Branch.objects.get(status=BranchStatus.JOINING)
    assert claims.take_child(parent.pk, "worker") is not None
    Branch.objects.filter(pk=parent.pk).update(rung_at=None)
    rings = Rings()

    assert sweep(rings) == {"lanes": 9}
    assert len(rings.surplus) == 9


def test_a_map_without_a_free_place_keeps_none_of_the_others_from_theirs(flow: FlowRunner) -> None:
    pending_map(flow, 2, 1)
    full = Branch.objects.get(status=BranchStatus.JOINING)
    assert claims.take_child(full.pk, "worker") is not None
    Branch.objects.filter(pk=full.pk).update(rung_at=None)
    free = pending_map(flow, 2, 1)
    rings = Rings()

    assert sweep(rings) == {"lanes": 1}
    assert [branch for _, branch in rings.sent] == [Branch.objects.get(execution=free, parent=None).pk]


@pytest.mark.parametrize(
    ("status", "kind", "counted"),
    [("sleeping", "advance", "timed"), ("awaiting_input", "advance", "timed"), ("calling", "effect", "calling")],
)
def test_a_timer_is_rung_for_once_ahead_of_its_time_and_again_when_it_is_due(
    waiting: Execution, status: str, kind: str, counted: str
) -> None:
    due_in(seconds=2.5, since=60, status=status)
    rings = Rings()

    assert sweep(rings) == {f"{counted} soon": 1}
    assert sweep(rings) == {}
    assert rings.sent == [(kind, Branch.objects.get().pk)]
    assert 2 < rings.delays[0] <= 2.5

    due_in(seconds=-0.5, since=2.5, status=status)
    assert sweep(rings) == {counted: 1}
    assert rings.delays[1:] == [0]


@pytest.mark.parametrize(
    ("seconds", "since"), [(2.5, 9.9), (2.5, 2.5), (5, 3600)], ids=["countdown under way", "just rung", "too early"]
)
def test_a_timer_that_has_a_message_or_much_time_is_left_alone(
    waiting: Execution, seconds: float, since: float
) -> None:
    due_in(seconds=seconds, since=since)

    assert sweep(Rings()) == {}


def test_a_sleep_is_either_a_message_with_a_countdown_or_rung_for_ahead(
    waiting: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "_send", sent.append)
    for seconds in (9.9, 9.96, 10.0, 10.04, 10.1):
        sent.clear()
        dispatch.CeleryDispatcher().advance(uuid4(), delay_s=seconds)
        due_in(seconds=2.5, since=seconds)
        assert len(sent) + len(sweep(Rings())) == 1, seconds


def due_in(*, seconds: float, since: float, status: str = "sleeping") -> None:
    """The branch is due in that many seconds; it was last rung for that many seconds before."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE executions_branch SET status = %s, wait_id = NULL, wake_at = now() + make_interval(secs => %s),
                   rung_at = now() + make_interval(secs => %s) - make_interval(secs => %s)
            """,
            [status, seconds, seconds, since],
        )


def moment(value: Any) -> Any:
    """`past`, `now` and `future` as times; anything else as it is."""
    offsets = {"past": -60, "now": 0, "future": 60}
    if isinstance(value, str) and value in offsets:
        return timezone.now() + timedelta(seconds=offsets[value])
    return value


def test_the_figures_of_branches(waiting: Execution) -> None:
    before = figures()
    Branch.objects.filter(execution=waiting).update(status="ready", updated_at=timezone.now() - timedelta(seconds=100))
    due = figures()
    Branch.objects.filter(execution=waiting).update(
        status="running", lease_until=timezone.now() + timedelta(seconds=100)
    )
    running = figures()
    assert (before.due, due.due, running.due) == (0, 1, 0)
    assert (before.running, due.running, running.running) == (0, 0, 1)
    assert 99 < due.oldest_s < 200
