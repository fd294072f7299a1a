"""The engine in this process dies at each passage of each crash point, one after the other, for every step kind.

A crash is an exception that nothing catches: what the transaction held is gone, the message is lost, the lease stays
until it runs out. The sweeper alone has to find what is left.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from executions import crashpoints
from executions.engine.dispatch import dispatching_to
from executions.engine.sweep import sweep
from executions.events import handing_out
from executions.events.models import Event
from executions.inprocess import InProcessDispatcher
from executions.models import EventWait, Execution, Transition
from executions.states import TERMINAL_EXECUTION, TransitionType
from tests.api_client import API_KEY, ApiClient
from tests.backend import assert_recorded_once
from tests.durability.programs import answer_waits, assert_calls_have_one_key, create_step_tasks
from tests.durability.step_kinds import ITEMS, PROGRAMS, Program
from tests.loopback.web_server import WebServer
from tests.work.clock import pass_time

pytestmark = pytest.mark.slow

# `before_join` lies in a message only Celery sends, `in_record` in a call, where no exception passes.
_ELSEWHERE = {"before_join", "in_record"}
POINTS = [point for point in crashpoints.POINTS + crashpoints.EVENT_POINTS if point not in _ELSEWHERE]
# Nobody can know whether a call was made when its worker dies between these.
UNCLEAR = {"after_claim", "before_effect", "after_effect"}
_PATIENCE = 50


class Crashed(BaseException):
    """The process is no more."""


@dataclass
class Passages:
    """Stands for the plan of a point: counts its passages and crashes at one of them."""

    crash_at: int = 0
    count: int = 0
    of_calls: set[int] = field(default_factory=set)

    def pass_through(self, subject: str) -> None:
        self.count += 1
        if subject.endswith(".call"):
            self.of_calls.add(self.count)
        if self.count == self.crash_at:
            raise Crashed


@pytest.fixture
def dispatcher(db: None, settings: Any) -> Iterator[InProcessDispatcher]:
    settings.AGENTS_API_KEY = API_KEY
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    memory = InProcessDispatcher()
    with dispatching_to(memory):
        yield memory


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_crash_at_any_passage_costs_only_time(
    dispatcher: InProcessDispatcher, web_server: WebServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    api = ApiClient()
    task = create_step_tasks(api, web_server, [name])[name]

    def run(plans: dict[str, Passages]) -> Execution:
        monkeypatch.setattr(crashpoints, "_PLANS", plans)
        return _run(api, task, dispatcher)

    whole = {point: Passages() for point in POINTS}
    _assert_as_expected(run(whole), PROGRAMS[name], asks=False)

    for point, passages in whole.items():
        for nth in range(1, passages.count + 1):
            crashing = Passages(crash_at=nth)
            execution = run({point: crashing})
            assert crashing.count >= nth, (point, nth)
            unclear = point in UNCLEAR and nth in passages.of_calls
            _assert_as_expected(execution, PROGRAMS[name], asks=unclear and PROGRAMS[name].kind.name == "at_most_once")
    assert_calls_have_one_key(web_server)


def _run(api: ApiClient, task: str, dispatcher: InProcessDispatcher) -> Execution:
    """Start a run, whose first message is lost already, and bring it to its end."""
    answer = api.post(f"/tasks/{task}/executions", {"input": ITEMS[0]})
    assert answer.status_code == 201, answer.json()
    execution_id = UUID(answer.json()["id"])
    for _ in range(_PATIENCE):
        with suppress(Crashed):
            _let_leases_run_out(execution_id)
            sweep(dispatcher)
            _sweep_events(dispatcher)
            dispatcher.run_to_rest(execution_id)
        if Execution.objects.get(pk=execution_id).status in TERMINAL_EXECUTION:
            break
        answer_waits(api)
    return Execution.objects.get(pk=execution_id)


def _sweep_events(dispatcher: InProcessDispatcher) -> None:
    """What the keepers of events ring for, when all leases have run out."""
    for model, leases, ring in (
        (Event, handing_out.EVENTS, dispatcher.hand_out),
        (EventWait, handing_out.WAITS, dispatcher.look_for_event),
    ):
        pass_time(model, 600)
        for row in leases.due():
            ring(row.pk)


def _let_leases_run_out(execution_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE executions_branch SET rung_at = NULL, lease_until = now() - interval '1 second'
            WHERE execution_id = %s AND status NOT IN ('done', 'failed', 'cancelled')
            """,
            [execution_id],
        )


def _assert_as_expected(execution: Execution, program: Program, *, asks: bool) -> None:
    assert (execution.status, execution.output, execution.error) == program.expected
    assert_recorded_once(execution, end=TransitionType.ERROR if program.kind.error else TransitionType.FINISH)
    rows = Transition.objects.filter(execution=execution)
    assert rows.filter(type="wait", output__type="needs_attention").exists() is asks
    steps = Counter(rows.filter(position__isnull=False).values_list("scope", "position"))
    assert set(steps.values()) <= {1}
