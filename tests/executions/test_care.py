"""A branch whose worker was lost is run with care until it is past the place where that was, however long it takes.

Here an expression that ends its process raises what ends one; in a child, made with care, it really does.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from agents.models import Developer
from executions.engine import advance, context, dispatch
from executions.engine import slice as slices
from executions.engine.evaluation import in_child
from executions.engine.rows import claims
from executions.models import Branch, Execution
from executions.services import start_execution
from tasks.expressions.apart import standstill
from tasks.expressions.functions import FUNCTIONS
from tasks.expressions.limits import Budget
from tasks.models import Task
from tests.executions.rings import Rings
from tests.flow_runner import FlowRunner

_LIGHT = {"evaluate": {"n": "$ _.n + 1"}}
_POISON = {"evaluate": {"n": "$ sum([_.n])"}}
_STOPPED = "the process that evaluated the expression ended"


class _WorkerLost(SystemExit):
    pass


class _Care:
    """Counts what is evaluated with care. Each time takes so many seconds by the clock that slices look at."""

    def __init__(self) -> None:
        self.times = 0
        self.seconds = 0.0

    def in_child(self, work: Callable[[], Any], budget: Budget) -> Any:
        self.times += 1
        return in_child(work, budget)

    def monotonic(self) -> float:
        return self.times * self.seconds


@pytest.fixture
def care(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Care]:
    def end_the_process(budget: Budget, values: Any) -> Any:
        raise _WorkerLost

    counted = _Care()
    monkeypatch.setitem(FUNCTIONS, "sum", replace(FUNCTIONS["sum"], run=end_the_process))
    monkeypatch.setattr(context, "in_child", counted.in_child)
    monkeypatch.setattr(slices, "time", SimpleNamespace(monotonic=counted.monotonic))
    standstill.prepare(60)
    yield counted
    standstill.prepare(0)


def _started(flow: FlowRunner, main: list[Any]) -> UUID:
    """The main branch of a run that nobody has looked at yet."""
    created = flow.create({"main": main})
    assert created.status_code == 201, created.json()
    task = Task.objects.get(pk=created.json()["id"])
    with dispatch.dispatching_to(Rings()):
        start_execution(developer=Developer.objects.get(), task=task, input_={"n": 0})
    return Branch.objects.get().pk


def _workers_lost(branch_id: UUID) -> int:
    """Run the branch to its end. Each message comes again, to another worker, when its own is lost."""
    lost = 0
    while Branch.objects.get().status in ("ready", "running"):
        try:
            advance.advance_branch(branch_id, owner="the same message")
        except _WorkerLost:
            lost += 1
    return lost


@pytest.mark.parametrize("seconds", [0, 0.1, 5, 3600])
def test_an_expression_costs_one_worker_however_long_care_takes(flow: FlowRunner, care: _Care, seconds: float) -> None:
    care.seconds = seconds
    branch_id = _started(flow, [*[_LIGHT] * 6, _POISON])

    assert _workers_lost(branch_id) == 1

    ended = Execution.objects.get()
    assert (ended.status, ended.error) == ("failed", _STOPPED)
    assert ended.transitions.filter(type="step").count() == 6


def test_care_ends_where_the_lost_slice_had_ended_at_the_latest(flow: FlowRunner, care: _Care, settings: Any) -> None:
    settings.SLICE_STEPS = 3
    branch_id = _started(flow, [_LIGHT] * 9)
    assert claims.claim_branch(branch_id, "the same message") is not None

    assert _workers_lost(branch_id) == 0

    assert Execution.objects.get().output == {"n": 9}
    assert care.times == 3
