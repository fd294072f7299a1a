"""Runs looked at while they stand: what they show, what an end from outside leaves, and what time changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from executions.engine.sweep import sweep
from executions.models import Branch, Execution
from julep_project.core import clock
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

ASK = {"name": "ask", "type": "function", "function": {}}
WAIT: dict[str, Any] = {"wait_for_input": {"info": {"q": 1}}}
CALL_OF_ASK = {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "ask", "arguments": "{}"}}]}
BUSY = Reply(503)

# What may go on beside an open wait.
MOVING: dict[str, Any] = {
    "a sleep": {"sleep": 60},
    "a pause between attempts": {"tool": "look", "arguments": {}},
    "a map over sleepers": {"over": "$ [1, 2]", "map": {"sleep": 60}},
    "a sleep deep inside": {"foreach": {"in": "$ [1]", "do": {"try": {"sleep": 60}, "catch": {"log": "x"}}}},
}
STANDING: dict[str, Any] = {
    **MOVING,
    "a function": {"tool": "ask", "arguments": {}},
    "a conversation": {"prompt": "hi", "auto_run_tools": True},
    "a wait with a timeout": {"wait_for_input": {"info": 1, "timeout": 60}},
    "a wait and a sleep": {"parallel": [WAIT, {"sleep": 60}]},
}


@pytest.fixture
def tools(flow: FlowRunner, web_server: WebServer, settings: Any) -> list[dict[str, Any]]:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    url = web_server.script("/look", BUSY, Reply(200, {}))
    return [ASK, {"name": "look", "type": "api_call", "api_call": {"method": "GET", "url": url}}]


def stopped(flow: FlowRunner, main: list[Any], tools: list[dict[str, Any]]) -> dict[str, Any]:
    """A run of these steps, looked at before any timer fires."""
    flow.time_passes = False
    created = flow.create({"main": main, "tools": tools})
    assert created.status_code == 201, created.json()
    with scripted_model([CALL_OF_ASK]):
        return flow.start(created.json()["id"], {})


@pytest.mark.parametrize("beside", MOVING.values(), ids=MOVING)
def test_a_run_awaits_input_only_while_nothing_else_can_move(
    beside: dict[str, Any], flow: FlowRunner, tools: list[dict[str, Any]]
) -> None:
    run = stopped(flow, [{"parallel": [WAIT, beside]}], tools)
    assert run["status"] == "running"

    flow.time_passes = True
    assert flow.settle(run["id"])["status"] == "awaiting_input"

    assert flow.resume(run["id"], "here")["status"] == "succeeded"


@pytest.mark.parametrize("beside", MOVING.values(), ids=MOVING)
def test_a_run_whose_wait_is_answered_runs_on(
    beside: dict[str, Any], flow: FlowRunner, tools: list[dict[str, Any]]
) -> None:
    run = stopped(flow, [{"parallel": [WAIT, beside]}], tools)

    assert flow.resume(run["id"], "here")["status"] == "running"


def test_a_run_of_two_waits_awaits_input_until_both_are_answered(flow: FlowRunner) -> None:
    run = stopped(flow, [{"over": "$ [1, 2]", "map": {"wait_for_input": {"info": "$ _"}}}], [])
    assert run["status"] == "awaiting_input"

    assert flow.resume_wait(run["id"], 2, "b")["status"] == "awaiting_input"

    assert flow.resume_wait(run["id"], 1, "a")["output"] == ["a", "b"]


@pytest.mark.parametrize("step", STANDING.values(), ids=STANDING)
def test_cancelling_ends_it_wherever_it_stands(
    step: dict[str, Any], flow: FlowRunner, tools: list[dict[str, Any]], web_server: WebServer
) -> None:
    run = stopped(flow, [step, {"log": "never"}], tools)
    assert run["status"] in ("running", "awaiting_input", "starting")
    before = flow.log(run["id"])
    asked = len(web_server.requests)

    assert flow.cancel(run["id"])["status"] == "cancelled"

    flow.time_passes = True
    assert flow.settle(run["id"])["status"] == "cancelled"
    assert [row["type"] for row in flow.log(run["id"])] == [*(row["type"] for row in before), "cancelled"]
    assert set(Branch.objects.values_list("status", flat=True)) == {"cancelled"}
    assert len(web_server.requests) == asked


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Until it is undone, whatever is written is thirty days old."""

    class Calendar(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) - timedelta(days=30)

    monkeypatch.setattr(clock, "datetime", Calendar)
    return monkeypatch


def test_old_steps_keep_their_places(flow: FlowRunner, long_ago: pytest.MonkeyPatch) -> None:  # D21 D32
    main = [
        {"evaluate": {"n": 1}, "label": "old"},
        {"set": {"kept": "$ _.n"}},
        {"sleep": {"days": 30}},
        {"evaluate": {"first": "$ steps[0].output.n", "old": "$ steps['old'].output.n", "count": "$ len(outputs)"}},
        {"evaluate": {"seen": "$ _", "state": "$ state.kept", "input": "$ inputs[1].n"}},
    ]
    task = flow.create({"main": main}).json()["id"]
    run = flow.api.post(f"/tasks/{task}/executions", {"input": {}}).json()
    # No row of the log is older than what the database knows of the run.
    Execution.objects.update(updated_at=clock.now())
    flow.dispatcher.advance(Branch.objects.get().pk)
    flow.time_passes = False
    flow.settle(run["id"])
    long_ago.undo()
    flow.time_passes = True

    output = flow.settle(run["id"])["output"]

    assert output == {"seen": {"first": 1, "old": 1, "count": 3}, "state": 1, "input": 1}
    log = flow.log(run["id"])
    ages = [datetime.now(UTC) - datetime.fromisoformat(row["created_at"]) for row in log]
    assert ages[0] > timedelta(days=29) > ages[-1]
    (listed,) = flow.api.get(f"/tasks/{run['task_id']}/executions").json()["items"]
    assert (listed["id"], listed["transition_count"]) == (run["id"], len(log))


def test_a_wait_may_last_for_days(flow: FlowRunner) -> None:  # D22
    run = stopped(flow, [WAIT, {"evaluate": "$ _"}], [])
    long_since = clock.now() - timedelta(days=3)
    Branch.objects.update(rung_at=long_since, updated_at=long_since)
    before = Branch.objects.values().get()

    assert sum(sweep(flow.dispatcher).values()) == 0

    assert flow.settle(run["id"])["status"] == "awaiting_input"
    assert Branch.objects.values().get() == before
    assert flow.resume(run["id"], "late")["output"] == "late"
