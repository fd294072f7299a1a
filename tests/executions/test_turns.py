"""Whose runs begin next: what one developer has started delays the others by a few messages only.

Messages are kept in order as the broker would give them out, and worked off one by one; no clock decides anything.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from celery.canvas import Signature
from django.db import connection, transaction

from agents.models import Developer
from executions.effects.perform import perform_effect
from executions.engine.advance import advance_branch
from executions.engine.dispatch import CeleryDispatcher, dispatching_to, ring_after
from executions.engine.sweep import sweep
from executions.models import Branch, Execution
from executions.services import cancel_execution, start_execution
from julep_project.core.rates.models import TenantRates
from tasks.models import Task
from tasks.services import TaskDefinition, create_task
from tests.executions.conftest import make_agent
from tests.work.kinds import tenant

SHARE = 4
HELD = 5000

_HOLD_BACK = """
    WITH run AS (
        INSERT INTO executions_execution (id, developer_id, task_id, task_version_id, status, input, state, metadata,
                                          transition_count, runnable, open_waits, depth, created_at)
        SELECT gen_random_uuid(), developer_id, task_id, task_version_id, 'queued', input, state, metadata, 0, 1, 0, 0,
               created_at + make_interval(secs => n * 0.001)
        FROM executions_execution, generate_series(1, %(count)s) AS n WHERE id = %(like)s
        RETURNING id)
    INSERT INTO executions_branch (id, execution_id, index, status, stack, version, attempt, pending_children)
    SELECT gen_random_uuid(), run.id, 0, 'pending', b.stack, 0, 0, 0
    FROM run, executions_branch b WHERE b.execution_id = %(like)s
"""


class Broker:
    """Keeps messages in the order in which workers get them: those that are surplus behind the others."""

    def __init__(self) -> None:
        self.first: deque[tuple[Any, UUID]] = deque()
        self.surplus: deque[tuple[Any, UUID]] = deque()
        self._is_surplus = False

    def advance(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        self._keep(advance_branch, branch_id, is_surplus)

    def effect(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        self._keep(perform_effect, branch_id, is_surplus)

    def lanes(self, parent_id: UUID, count: int) -> None:
        raise AssertionError

    def lane(self, parent_id: UUID, *, is_surplus: bool = False) -> None:
        raise AssertionError

    def backlog(self, queue: str) -> int:
        return len(self)

    def work(self) -> UUID:
        """Work off one message; the run it was for."""
        self._is_surplus = not self.first
        move, branch_id = (self.first or self.surplus).popleft()
        advanced = move(branch_id, owner=str(branch_id))
        if advanced is not None:
            ring_after(advanced, self)
        self._is_surplus = False
        run: UUID = Branch.objects.values_list("execution_id", flat=True).get(pk=branch_id)
        return run

    def __len__(self) -> int:
        return len(self.first) + len(self.surplus)

    def _keep(self, move: Any, branch_id: UUID, is_surplus: bool) -> None:
        (self.surplus if is_surplus or self._is_surplus else self.first).append((move, branch_id))


@pytest.fixture
def broker(db: None, settings: Any) -> Iterator[Broker]:
    settings.TENANT_SHARE = SHARE
    kept = Broker()
    with dispatching_to(kept):
        yield kept


@pytest.fixture
def stranger(db: None) -> Developer:
    return tenant("stranger").developer


@pytest.fixture
def start(broker: Broker, django_capture_on_commit_callbacks: Any) -> Any:
    """Start a run of a task."""

    def run(task: Task) -> Execution:
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            return start_execution(developer=task.developer, task=task, input_={})

    return run


def task_of(developer: Developer, *main: Any) -> Task:
    body = {"main": list(main) or [{"evaluate": {"a": "$ 1"}}]}
    definition = TaskDefinition({"name": "T"}, body)
    return create_task(developer=developer, agent=make_agent(developer), definition=definition)


def hold_back(run: Execution, count: int = HELD) -> None:
    """More runs like this one, as they are started while others wait."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_BACK, {"count": count, "like": run.pk})
        cursor.execute("ANALYZE executions_execution, executions_branch")


def tenants(broker: Broker, most: int) -> list[UUID]:
    """Whose messages are worked off, one after the other."""
    runs = [broker.work() for _ in range(most)]
    of = dict(Execution.objects.values_list("id", "developer_id"))
    return [of[run] for run in runs]


def test_a_single_run_goes_before_thousands(
    broker: Broker, start: Any, developer: Developer, stranger: Developer
) -> None:
    flood = task_of(developer)
    runs = [start(flood) for _ in range(2 * SHARE)]
    assert Branch.objects.filter(status="pending").count() == SHARE
    assert len(broker) == SHARE
    hold_back(runs[-1])
    assert tenants(broker, 2 * SHARE) == [developer.pk] * 2 * SHARE
    assert len(broker) == SHARE

    one = start(task_of(stranger))
    assert broker.work() == one.pk
    one.refresh_from_db()
    assert one.status == "succeeded"
    assert len(broker) == SHARE


def test_calls_of_thousands_stay_behind(
    broker: Broker, start: Any, developer: Developer, stranger: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.executions.test_turns.perform_effect", lambda *_, **__: None)
    flood = task_of(developer, {"prompt": "$ 'Hi'"})
    runs = [start(flood) for _ in range(2 * SHARE)]
    hold_back(runs[-1], 100)
    for _ in range(50):
        broker.work()
    one = start(task_of(stranger, {"prompt": "$ 'Hi'"}))
    assert [broker.work(), broker.work()] == [one.pk, one.pk]


def test_runs_begin_in_the_order_they_were_started(broker: Broker, start: Any, developer: Developer) -> None:
    task = task_of(developer)
    runs = [start(task).pk for _ in range(3 * SHARE)]
    assert [broker.work() for _ in runs] == runs
    assert len(broker) == 0
    assert set(Execution.objects.values_list("status", flat=True)) == {"succeeded"}


def test_floods_take_turns_by_weight(broker: Broker, start: Any, developer: Developer, stranger: Developer) -> None:
    TenantRates.objects.create(developer=stranger, weight=2)
    for owner in (developer, stranger):
        task = task_of(owner)
        for _ in range(3 * SHARE):
            run = start(task)
        hold_back(run, 200)
    ready = Branch.objects.filter(status="ready")
    assert ready.filter(execution__developer=developer).count() == SHARE
    assert ready.filter(execution__developer=stranger).count() == 2 * SHARE
    tenants(broker, 3 * SHARE)
    worked = tenants(broker, 90)
    assert abs(worked.count(stranger.pk) - 60) <= SHARE


def test_the_sweep_lets_follow_what_nobody_else_did(
    broker: Broker, start: Any, developer: Developer, stranger: Developer
) -> None:
    for owner in (developer, stranger):
        task = task_of(owner)
        runs = [start(task) for _ in range(2 * SHARE)]
    broker.first.clear()
    broker.surplus.clear()
    for run in runs[:SHARE]:
        cancel_execution(developer=stranger, execution_id=run.pk)
    assert sweep(broker) == {"held back": SHARE}
    assert {Branch.objects.get(pk=key).execution_id for _, key in broker.surplus} == {run.pk for run in runs[SHARE:]}
    assert sweep(broker) == {}


def test_a_run_that_is_held_back_can_be_cancelled(broker: Broker, start: Any, developer: Developer) -> None:
    task = task_of(developer)
    last = [start(task) for _ in range(2 * SHARE)][-1]
    cancelled = cancel_execution(developer=developer, execution_id=last.pk)
    assert cancelled.status == "cancelled"
    assert Branch.objects.get(execution=last).status == "cancelled"
    while len(broker):
        broker.work()
    assert Branch.objects.filter(status="done").count() == 2 * SHARE - 1


def test_a_developer_with_much_at_work_is_surplus(broker: Broker, start: Any, developer: Developer) -> None:
    task = task_of(developer, {"wait_for_input": {"info": {"q": "$ 1"}}})
    calling = task_of(developer, {"prompt": "$ 'Hi'"})
    for _ in range(SHARE):
        start(task)
        broker.work()
    assert len(broker) == 0
    for _ in range(SHARE):
        start(calling)
        broker.work()
        broker.first.clear()
    start(calling)
    assert (len(broker.first), len(broker.surplus)) == (0, 1)


def test_rank_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Signature] = []
    monkeypatch.setattr(Signature, "apply_async", lambda signature, **_: sent.append(signature))
    CeleryDispatcher().advance(UUID(int=1))
    CeleryDispatcher().advance(UUID(int=1), is_surplus=True)
    CeleryDispatcher().effect(UUID(int=1), is_surplus=True)
    CeleryDispatcher().lane(UUID(int=1))
    CeleryDispatcher().lane(UUID(int=1), is_surplus=True)
    assert [signature.options.get("priority") for signature in sent] == [None, 6, 6, None, 6]
