"""What a run says that it waits for."""

from typing import Any

from executions.models import Execution, Transition
from julep_project.core.clock import to_wire
from tests.flow_runner import FlowRunner


def waits(flow: FlowRunner, run: str) -> Any:
    return flow.api.get(f"/executions/{run}").json()["waits"]


def started(flow: FlowRunner, main: list[Any], **task: Any) -> str:
    made = flow.create({"main": main, **task})
    assert made.status_code == 201, made.json()
    return str(flow.start(made.json()["id"], {})["id"])


def test_each_branch_that_waits_is_told_in_one_shape(flow: FlowRunner) -> None:
    flow.time_passes = False
    arms = [
        {"wait_for_input": {"info": {"url": "https://elsewhere.example"}}, "label": "ask"},
        {"wait_for_event": {"name": "paid", "timeout": 60}},
        {"sleep": {"seconds": 100}},
    ]
    run = started(flow, [{"parallel": arms}])
    told = {each["type"]: each for each in waits(flow, run)}
    assert set(told) == {"input", "event", "sleep"}
    rows = {row.step_label: row for row in Transition.objects.filter(execution=run, type="wait")}
    for kind, label in (("input", "ask"), ("event", None)):
        row = rows[label]
        link = f"/executions/{run}/transitions/{row.pk}"
        wanted = {"id": str(row.pk), "link": link, "since": to_wire(row.created_at), "step_label": label}
        assert wanted.items() <= told[kind].items()
        assert flow.api.get(told[kind]["link"]).status_code == 200
    assert (told["event"]["event"], told["input"]["event"], told["input"]["until"]) == ("paid", None, None)
    assert told["event"]["until"] and told["sleep"]["until"]
    assert told["sleep"]["id"] is told["sleep"]["link"] is None
    flow.cancel(run)
    assert waits(flow, run) == []


def test_a_call_that_a_person_decides_about(flow: FlowRunner) -> None:
    tool = {"name": "echo", "type": "function", "function": {}, "approval": "always"}
    [told] = waits(flow, started(flow, [{"tool": "echo", "arguments": {}}], tools=[tool]))
    assert told["type"] == "tool_approval"


def test_a_run_and_the_one_that_it_waits_for_name_each_other(flow: FlowRunner) -> None:
    flow.time_passes = False
    asking = flow.create({"name": "Ask", "main": [{"wait_for_input": {"info": {}}}]}).json()["id"]
    tool = {"name": "helper", "type": "task", "task": {"task_id": asking}}
    run = started(flow, [{"tool": "helper", "arguments": {}}], tools=[tool])

    child = Execution.objects.get(task=asking)
    [told] = waits(flow, run)
    assert (told["type"], told["id"], told["until"]) == ("execution", str(child.pk), None)
    assert told["since"] == to_wire(child.created_at)
    below = flow.api.get(told["link"]).json()
    assert below["called_by"] == {"execution_id": run, "session_id": None}
    assert [each["type"] for each in below["waits"]] == ["input"]
    assert flow.api.get(f"/executions/{run}").json()["called_by"] is None

    flow.resume(str(child.pk), 1)
    assert (flow.settle(run)["status"], waits(flow, run)) == ("succeeded", [])
