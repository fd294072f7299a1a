"""Calls that wait for something to be done outside, and are made again then: once for each time it was done."""

import json
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from agents.tools import registry
from agents.tools.actions import Action, ActionNeeded, Given
from agents.tools.errors import ToolError
from agents.tools.registry import ToolCall
from executions.actions.settling import expire, go_on
from executions.models import Branch, Execution
from julep_project.core.json_value import Json
from tests.effects.conftest import Started, api_tool
from tests.flow_runner import FlowRunner

CALL = {"tool": "world", "arguments": {"q": "$ 'tide'"}}
SCHEMA = {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}


class Asking:
    """Carries out calls, but only when what they wait for was done."""

    def __init__(self) -> None:
        self.action = Action("question", {"schema": SCHEMA}, expires_s=3600, kept={"place": 7})
        self.calls: list[tuple[str, Given | None]] = []

    def run(self, call: ToolCall) -> Json:
        self.calls.append((call.idempotency_key, call.given))
        if call.given is None:
            raise ActionNeeded("which port?", self.action)
        return {"q": call.arguments["q"], "answer": call.given.answer}


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Asking:
    found = Asking()
    monkeypatch.setitem(registry._runners, "api_call", found.run)
    return found


TOOL = api_tool("http://127.0.0.1/", at_most_once=True)


def test_a_call_is_made_again_with_what_it_was_answered(run: Started, flow: FlowRunner, asking: Asking) -> None:
    execution = run([{**CALL, "label": "ask"}], tools=[TOOL])

    wait = flow.log(execution["id"])[-1]
    expires_at = wait["output"].pop("expires_at")
    assert (execution["status"], wait["step_label"], expires_at[:2]) == ("awaiting_input", "ask", "20")
    told = {"type": "question", "id": wait["id"], "tool": "world", "message": "which port?", "schema": SCHEMA}
    assert wait["output"] == told
    for wrong, status in (({"port": 3}, 422), ({"port": "x" * 70_000}, 400)):
        refused = flow.api.put(f"/executions/{execution['id']}", {"status": "running", "input": wrong})
        assert refused.status_code == status, refused.json()
    assert len(asking.calls) == 1

    execution = flow.resume(execution["id"], {"port": "Brest"})

    assert execution["output"] == {"q": "tide", "answer": {"port": "Brest"}}
    assert [row["type"] for row in flow.log(execution["id"])] == ["init", "wait", "resume", "finish"]
    (key, first), (same_key, second) = asking.calls
    assert (first, second) == (None, Given("question", {"place": 7}, {"port": "Brest"}))
    assert key == same_key


def test_all_that_wait_for_one_thing_go_on_when_it_was_done(
    run: Started, flow: FlowRunner, asking: Asking, django_capture_on_commit_callbacks: Any
) -> None:
    asking.action = Action("question", {}, expires_s=3600, key="door", seen=3)
    caught = {"try": [CALL], "catch": [{"evaluate": {"type": "$ error.type"}}]}
    waiting = [run([step], tools=[TOOL])["id"] for step in (CALL, caught)]
    asking.action = Action("question", {}, expires_s=3600, key="door", seen=4)
    with scripted_model([_model_call(), "done"]) as model:
        late = run([{"prompt": "Go", "auto_run_tools": True, "unwrap": True}], tools=[TOOL])["id"]
        developer = Developer.objects.get()

        with django_capture_on_commit_callbacks(execute=True):
            assert go_on(developer.pk, "window", state=9) == 0
            assert go_on(developer.pk, "door", state=4) == 2
            assert go_on(developer.pk, "door", state=4) == 0
        ended = [flow.settle(run_id) for run_id in (*waiting, late)]
        assert [each["status"] for each in ended] == ["succeeded", "succeeded", "awaiting_input"]
        assert ended[1]["output"] == {"q": "tide", "answer": None}
        # It will not be done: a model is told.
        with django_capture_on_commit_callbacks(execute=True):
            assert go_on(developer.pk, "door", state=5, failure=ToolError("they said no")) == 1
        assert flow.settle(late)["output"] == "done"
    assert model.requests[1].messages[-1]["content"] == "error: they said no"


def test_what_nobody_does_fails_its_call(
    run: Started, flow: FlowRunner, asking: Asking, django_capture_on_commit_callbacks: Any
) -> None:
    asking.action = Action("question", {}, expires_s=-60)
    execution = run([CALL], tools=[TOOL])

    with django_capture_on_commit_callbacks(execute=True):
        assert (expire(), expire()) == (1, 0)

    assert flow.settle(execution["id"])["status"] == "failed"

    assert Execution.objects.get().error_type == "ActionExpired"
    assert not Branch.objects.filter(status="awaiting_input").exists()


def _model_call() -> dict[str, Any]:
    function = {"name": "world", "arguments": json.dumps({"q": "tide"})}
    return {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}
