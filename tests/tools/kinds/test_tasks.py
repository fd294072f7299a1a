"""Another task as a tool: in steps, by models in runs, and in chats."""

from typing import Any

import pytest

from executions.called.orphans import cancel_orphans
from executions.models import Branch, Execution
from tests.flow_runner import FlowRunner

MISSING = "01900000-0000-7000-8000-000000000000"
DOUBLE = {
    "name": "Double",
    "description": "Doubles a number.",
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "main": [{"evaluate": {"doubled": "$ _['n'] * 2"}}],
}


def as_tool(flow: FlowRunner, task: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A tool `helper` that is the task."""
    made = flow.create(task)
    assert made.status_code == 201, made.json()
    return {"name": "helper", "type": "task", "task": {"task_id": made.json()["id"], **spec}}


def ran(flow: FlowRunner, tool: dict[str, Any], main: list[Any], **task: Any) -> dict[str, Any]:
    made = flow.create({"main": main, "tools": [tool], **task})
    assert made.status_code == 201, made.json()
    return flow.start(made.json()["id"], {})


def change(flow: FlowRunner, task: dict[str, Any], body: dict[str, Any]) -> None:
    answer = flow.api.put(f"/agents/{task['agent_id']}/tasks/{task['id']}", body)
    assert answer.status_code == 200, answer.json()


def called_by(run: dict[str, Any]) -> "list[Execution]":
    """The runs that calls of this one began."""
    return list(Execution.objects.filter(callers__0=run["id"]))


def test_a_step_gets_the_output_of_a_run_that_is_begun_once(flow: FlowRunner) -> None:
    flow.time_passes = False
    run = ran(flow, as_tool(flow, DOUBLE), [{"tool": "helper", "arguments": {"n": 21}}, {"evaluate": "$ _['doubled']"}])
    assert (run["status"], run["output"]) == ("succeeded", 42)
    (child,) = called_by(run)
    assert (child.status, child.output, child.depth) == ("succeeded", {"doubled": 42}, 1)
    assert Branch.objects.filter(execution=run["id"], pk=child.called_by).exists()


def test_an_input_that_does_not_fit_is_told_with_the_place(flow: FlowRunner) -> None:
    run = ran(flow, as_tool(flow, DOUBLE), [{"tool": "helper", "arguments": {"n": "$ 'x'"}}])
    told = "Invalid request arguments schema: $.n: 'x' is not of type 'integer'"
    assert (run["status"], run["error"]) == ("failed", told)


def test_the_run_waits_for_it_and_cancelling_one_cancels_the_other(flow: FlowRunner) -> None:
    flow.time_passes = False
    asking = {"name": "Ask", "main": [{"wait_for_input": {"info": {"question": "how many?"}}}]}
    tool = as_tool(flow, asking)
    answered, cancelled = (ran(flow, tool, [{"tool": "helper", "arguments": {}}]) for _ in range(2))
    (child,) = called_by(answered)
    waiting = Branch.objects.get(pk=child.called_by)
    assert (waiting.status, waiting.lease_owner, waiting.effect["attempts"]) == ("calling", None, 0)
    flow.resume(str(child.pk), 7)
    assert flow.settle(answered["id"])["output"] == 7

    (child,) = called_by(cancelled)
    flow.cancel(cancelled["id"])
    child.refresh_from_db()
    assert child.status == "cancelled"


def test_what_nobody_waits_for_any_more_is_cancelled(flow: FlowRunner) -> None:
    flow.time_passes = False
    asking = {"name": "Ask", "main": [{"wait_for_input": {"info": {"question": "how many?"}}}]}
    tool = as_tool(flow, asking)
    waits, removed, ended = (ran(flow, tool, [{"tool": "helper", "arguments": {}}]) for _ in range(3))
    begun = {run["id"]: called_by(run)[0] for run in (waits, removed, ended)}
    agent = flow.api.get(f"/tasks/{removed['task_id']}").json()["agent_id"]
    assert flow.api.delete(f"/agents/{agent}/tasks/{removed['task_id']}").status_code < 300
    Execution.objects.filter(pk=ended["id"]).update(status="failed")
    assert cancel_orphans() == 2
    statuses = {run: Execution.objects.get(pk=child.pk).status for run, child in begun.items()}
    assert statuses == {waits["id"]: "awaiting_input", removed["id"]: "cancelled", ended["id"]: "cancelled"}


def test_what_was_begun_and_removed_is_not_begun_again(flow: FlowRunner) -> None:
    flow.time_passes = False
    asking = {"name": "Ask", "main": [{"wait_for_input": {"info": {"question": "how many?"}}}]}
    run = ran(flow, as_tool(flow, asking), [{"tool": "helper", "arguments": {}}])
    (child,) = called_by(run)
    child.task.delete()
    Branch.objects.filter(pk=child.called_by).update(wake_at=child.created_at)
    flow.dispatcher.effect(child.called_by)
    ended = flow.settle(run["id"])
    assert (ended["status"], "was removed" in ended["error"]) == ("failed", True)


def test_who_waits_for_a_run_takes_no_room_from_it(flow: FlowRunner, settings: Any) -> None:
    settings.TENANT_RUNS = 1
    nested = as_tool(flow, DOUBLE)
    made = flow.create({"name": "Outer", "main": [{"tool": "helper", "arguments": {"n": 4}}], "tools": [nested]}).json()
    tool = {"name": "outer", "type": "task", "task": {"task_id": made["id"]}}
    assert ran(flow, tool, [{"tool": "outer", "arguments": {}}])["output"] == {"doubled": 8}


def test_runs_beyond_the_limit_do_not_wait_for_each_other(flow: FlowRunner, settings: Any) -> None:
    """As there are when people have answered several."""
    settings.TENANT_RUNS = 1
    main = [{"wait_for_input": {"info": {}}}, {"tool": "helper", "arguments": {"n": 4}}]
    task = flow.create({"name": "Ask", "main": main, "tools": [as_tool(flow, DOUBLE)]}).json()["id"]
    runs = [flow.start(task, {})["id"] for _ in range(2)]
    with flow._capture(execute=True):
        for run in runs:
            assert flow.api.put(f"/executions/{run}", {"status": "running", "input": 1}).status_code == 200
    ended = [flow.settle(run) for run in runs]
    assert [run["output"] for run in ended] == [{"doubled": 8}] * 2


def test_what_becomes_of_it_is_told_as_an_error(flow: FlowRunner) -> None:
    broken = {"name": "Break", "main": [{"error": "no such boat"}]}
    ended = ran(flow, as_tool(flow, broken), [{"tool": "helper", "arguments": {}}])
    assert (ended["status"], "no such boat" in ended["error"]) == ("failed", True)
    assert Execution.objects.get(pk=ended["id"]).error_type == "TaskFailed"


def test_one_that_takes_too_long_is_cancelled(flow: FlowRunner) -> None:
    slow = {"name": "Sleep", "main": [{"sleep": {"days": 1}}]}
    tool = {**as_tool(flow, slow), "timeout": 0.05}
    flow.time_passes = False
    run = ran(flow, tool, [{"tool": "helper", "arguments": {}}])
    (child,) = called_by(run)
    Branch.objects.filter(pk=child.called_by).update(wake_at=child.created_at)
    flow.dispatcher.effect(child.called_by)
    ended = flow.settle(run["id"])
    assert (ended["status"], "took longer" in ended["error"]) == ("failed", True)
    assert [child.status for child in called_by(run)] == ["cancelled"]


def test_tasks_that_call_themselves_come_to_an_end(flow: FlowRunner) -> None:
    made = flow.create({"name": "Round", "main": [{"evaluate": "$ 1"}]}).json()
    tool = {"name": "again", "type": "task", "task": {"task_id": made["id"]}}
    change(flow, made, {"name": "Round", "main": [{"tool": "again"}], "tools": [tool]})
    ended = flow.start(made["id"], {})
    assert (ended["status"], "10 deep" in ended["error"]) == ("failed", True)
    assert Execution.objects.count() == 11


@pytest.mark.parametrize(("spec", "at"), [({"task_id": MISSING}, "task.task_id"), ({"pin": 7}, "task.pin")])
def test_what_it_is_must_be_there(flow: FlowRunner, spec: dict[str, Any], at: str) -> None:
    tool = as_tool(flow, DOUBLE, **spec)
    refused = flow.create({"main": [{"tool": "helper"}], "tools": [tool]})
    assert [each["loc"] for each in refused.json()["error"]["details"]] == [f"tools[0].{at}"]


def test_a_version_may_be_pinned(flow: FlowRunner) -> None:
    tool = as_tool(flow, DOUBLE, pin=1)
    made = flow.api.get(f"/tasks/{tool['task']['task_id']}").json()
    change(flow, made, {**DOUBLE, "main": [{"evaluate": "$ 'another'"}]})
    assert ran(flow, tool, [{"tool": "helper", "arguments": {"n": 4}}])["output"] == {"doubled": 8}
    latest = {**tool, "task": {**tool["task"], "pin": "latest"}}
    assert ran(flow, latest, [{"tool": "helper", "arguments": {"n": 4}}])["output"] == "another"
