"""Steps that end their worker or raise what no step should: they fail, and whoever guards them hears of it."""

from typing import Any
from uuid import UUID

import pytest

from agents.models import Developer
from executions.engine import advance, dispatch
from executions.engine.rows import claims
from executions.models import Branch, Execution
from executions.services import start_execution
from tasks.models import Task
from tasks.steps.kinds.evaluate import Evaluate
from tests.executions.rings import Rings
from tests.flow_runner import FlowRunner

POISON = {"evaluate": {"poison": "$ 1"}}
GAVE_UP = "the step ended its worker 5 times; giving up"
INTERNAL = "internal error while running the step"
CAUGHT = {"evaluate": {"caught": "$ error.message", "type": "$ error.type"}}


def guarded(body: list[Any]) -> dict[str, Any]:
    return {"try": body, "catch": [CAUGHT], "finally": {"log": "tidied"}}


def started(flow: FlowRunner, main: list[Any]) -> UUID:
    """A run that nobody has looked at yet."""
    created = flow.create({"main": main})
    assert created.status_code == 201, created.json()
    task = Task.objects.get(pk=created.json()["id"])
    with dispatch.dispatching_to(Rings()):
        return start_execution(developer=Developer.objects.get(), task=task, input_={}).pk


def main_branch(execution_id: UUID) -> Branch:
    return Branch.objects.get(execution=execution_id, parent=None)


def end_its_workers(branch: Branch) -> None:
    """Claim the branch again and again and never commit, as if the worker died each time."""
    for _ in range(5):
        assert claims.claim_branch(branch.pk, "the same message") is not None


def settled(flow: FlowRunner, branch: Branch) -> Execution:
    """The run after the message came once more; this worker lives on."""
    advanced = advance.advance_branch(branch.pk, owner="the same message")
    assert advanced is not None
    dispatch.ring_after(advanced, flow.dispatcher)
    flow.settle(str(branch.execution_id))
    return Execution.objects.get(pk=branch.execution_id)


def test_poison_is_caught_and_the_handler_has_attempts_of_its_own(flow: FlowRunner, settings: Any) -> None:
    settings.SLICE_STEPS = 1
    branch = main_branch(started(flow, [guarded([POISON])]))
    advance.advance_branch(branch.pk, owner="first")

    end_its_workers(branch)
    advance.advance_branch(branch.pk, owner="the same message")

    branch.refresh_from_db()
    assert (branch.status, branch.attempt) == ("ready", 0)
    end_its_workers(branch)
    ended = settled(flow, branch)
    assert (ended.status, ended.error) == ("failed", GAVE_UP)


def test_catch_and_finally_run_after_poison(flow: FlowRunner, settings: Any) -> None:
    settings.SLICE_STEPS = 1
    branch = main_branch(started(flow, [guarded([POISON])]))
    advance.advance_branch(branch.pk, owner="first")

    end_its_workers(branch)
    ended = settled(flow, branch)

    assert (ended.status, ended.output) == ("succeeded", {"caught": GAVE_UP, "type": "error"})
    texts = [row.metadata["log"] for row in ended.transitions.all() if "log" in row.metadata]
    assert texts == ["tidied"]


@pytest.mark.parametrize(
    "main",
    [[guarded([{"parallel": [POISON]}])], [{"over": "$ [1]", "map": guarded([POISON])}, {"evaluate": "$ _[0]"}]],
    ids=["a parent branch guards it", "its own branch guards it"],
)
def test_poison_in_a_child_branch(flow: FlowRunner, settings: Any, main: list[Any]) -> None:
    settings.SLICE_STEPS = 1
    parent = main_branch(started(flow, main))
    while parent.status != "joining":
        advance.advance_branch(parent.pk, owner="first")
        parent.refresh_from_db()
    child = claims.take_child(parent.pk, "the same message")
    assert child is not None
    branch = Branch.objects.get(pk=child.branch_id)
    while "parallel" not in str(branch.stack[-1]["path"]) and not branch.stack[-1]["guarded"]:
        advance.advance_branch(branch.pk, owner="the same message")
        branch.refresh_from_db()
    Branch.objects.filter(pk=branch.pk).update(attempt=0)

    end_its_workers(branch)
    ended = settled(flow, branch)

    assert (ended.status, ended.output) == ("succeeded", {"caught": GAVE_UP, "type": "error"})


def test_what_no_step_should_raise_fails_it_at_once(
    flow: FlowRunner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(self: Evaluate, context: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Evaluate, "start", start)
    ended = rung(flow, [POISON])

    assert (ended.status, ended.error) == ("failed", INTERNAL)
    failure = ended.transitions.get(type="error")
    assert failure.metadata["error_type"] == "InternalError"
    assert main_branch(ended.pk).version == 1
    (record,) = [record for record in caplog.records if record.getMessage() == "step raised"]
    assert record.exc_info is not None and record.exc_info[0] is ZeroDivisionError


def test_a_bug_is_caught_like_any_other_failure(flow: FlowRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    start, bugs = Evaluate.start, [KeyError("a bug")]

    def raising(self: Evaluate, context: Any) -> Any:
        if bugs:
            raise bugs.pop()
        return start(self, context)

    monkeypatch.setattr(Evaluate, "start", raising)
    ended = rung(flow, [guarded([POISON])])

    assert (ended.status, ended.output) == ("succeeded", {"caught": INTERNAL, "type": "InternalError"})


def rung(flow: FlowRunner, main: list[Any]) -> Execution:
    execution_id = started(flow, main)
    flow.dispatcher.advance(main_branch(execution_id).pk)
    flow.settle(str(execution_id))
    return Execution.objects.get(pk=execution_id)
