"""A run whose calls may not be paid for stands still and goes on by itself."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import Developer, ModelUsage, UsageState
from agents.spending import limit_services, limits
from agents.spending.folding import fold
from agents.spending.models import SpendingLimit, SpendingTotal
from agents.spending.totals import recount
from executions.models import Branch, Execution
from executions.services import resume_within_budget
from julep_project.core.database import execute
from tests.flow_runner import FlowRunner

PROMPT = {"prompt": "Say it", "unwrap": True}
CALL = {"tool": "helper", "arguments": {}}
MAP = [
    {"over": "$ range(100)", "map": {**PROMPT, "prompt": "$ f'{_}'"}, "parallelism": 10},
    {"evaluate": {"n": "$ len(_)"}},
]


def limited(developer: Developer, amount: str, **values: Any) -> SpendingLimit:
    row: SpendingLimit = limit_services.create_limit(
        developer, {"scope": "developer", "period": "day", "amount": Decimal(amount), **values}
    )
    return row


def started(flow: FlowRunner, main: list[Any]) -> dict[str, Any]:
    task = flow.create({"main": main}).json()
    return flow.start(task["id"], {})


def went_on(flow: FlowRunner, execution: dict[str, Any], capture: Any) -> dict[str, Any]:
    """What the keeper does until it finds nothing more to do."""
    for _ in range(200):
        with capture(execute=True):
            resumed = resume_within_budget()
        execution = flow.settle(execution["id"])
        if not resumed:
            return execution
    raise AssertionError("it never rests")


@pytest.fixture(autouse=True)
def a_cent_each(settings: Any) -> None:
    settings.UNKNOWN_PRICE_USD = Decimal("0.01")


def test_a_prompt_waits_for_its_budget_without_an_attempt(
    flow: FlowRunner, developer: Developer, django_capture_on_commit_callbacks: Any
) -> None:
    row = limited(developer, "0.015")
    with scripted_model(["one", "two", "three"]) as model:
        execution = started(flow, [PROMPT, PROMPT, PROMPT])
        assert execution["status"] == "awaiting_input"
        assert len(model.requests) == 2
        [*_, wait] = flow.log(execution["id"])
        assert (wait["type"], wait["output"]["type"]) == ("wait", "budget")
        assert wait["output"]["reason"] == "Cost limit exceeded"
        [told] = wait["output"]["limits"]
        assert (told["scope"], told["amount"], told["spent"], told["left"]) == ("developer", 0.015, 0.02, 0)
        assert Branch.objects.get().effect["attempts"] == 0
        # Nothing moves as long as there is no room.
        assert went_on(flow, execution, django_capture_on_commit_callbacks)["status"] == "awaiting_input"
        limit_services.change_limit(developer, row.pk, {"amount": Decimal("0.5")})
        execution = went_on(flow, execution, django_capture_on_commit_callbacks)
    assert (execution["status"], execution["output"]) == ("succeeded", "three")
    types = [one["type"] for one in flow.log(execution["id"])]
    assert types == ["init", "step", "step", "wait", "resume", "finish"]
    counted = Execution.objects.get()
    assert (counted.runnable, counted.open_waits) == (0, 0)
    usages = ModelUsage.objects.values_list("execution_id", "task_id", "agent_id", "project_id")
    assert len(set(usages)) == 1 and None not in usages[0]
    assert usages[0][0] == UUID(execution["id"])


@pytest.mark.parametrize("how", ["reset", "removed", "a new day", "a person"])
def test_it_goes_on_when_there_is_room_again(
    flow: FlowRunner, developer: Developer, django_capture_on_commit_callbacks: Any, how: str
) -> None:
    row = limited(developer, "0.01")
    with scripted_model(["one", "two"]):
        execution = started(flow, [PROMPT, PROMPT])
        assert execution["status"] == "awaiting_input"
        match how:
            case "reset":
                limit_services.reset_limit(developer, row.pk)
            case "removed":
                limit_services.delete_limit(developer, row.pk)
            case "a new day":
                execute("UPDATE agents_modelusage SET created_at = created_at - interval '1 day'")
                execute("UPDATE spending_spendingtotal SET starts_on = starts_on - 1, ends_on = ends_on - 1")
            case "a person":
                # Too early: it stands at the same place afterwards.
                assert flow.resume(execution["id"], None)["status"] == "awaiting_input"
                SpendingLimit.objects.update(amount=5)
                execution = flow.resume(execution["id"], {"what": "is given is not the answer"})
        if how != "a person":
            execution = went_on(flow, execution, django_capture_on_commit_callbacks)
    assert (execution["status"], execution["output"]) == ("succeeded", "two")


def test_it_can_be_cancelled_while_it_waits(flow: FlowRunner, developer: Developer) -> None:
    limited(developer, "0.01")
    with scripted_model(["one", "two"]):
        execution = started(flow, [PROMPT, PROMPT])
        assert flow.cancel(execution["id"])["status"] == "cancelled"
    assert resume_within_budget() == 0


def test_nothing_of_a_map_fails(
    flow: FlowRunner, developer: Developer, django_capture_on_commit_callbacks: Any
) -> None:
    row = limited(developer, "0.3")
    with scripted_model(["said"] * 100) as model:
        execution = started(flow, MAP)
        assert execution["status"] == "awaiting_input"
        assert len(model.requests) == 30
        for amount in ("0.5", "0.4", "2"):
            limit_services.change_limit(developer, row.pk, {"amount": Decimal(amount)})
            execution = went_on(flow, execution, django_capture_on_commit_callbacks)
            assert len(model.requests) == {"0.5": 50, "0.4": 50, "2": 100}[amount]
    assert (execution["status"], execution["output"]) == ("succeeded", {"n": 100})
    assert SpendingTotal.objects.get().spent == Decimal("1.00")
    assert not ModelUsage.objects.exclude(state=UsageState.SETTLED).exists()


def test_a_limit_of_one_execution_holds_up_no_other(flow: FlowRunner, developer: Developer) -> None:
    with scripted_model(["one", "two", "three", "four"]):
        execution = started(flow, [PROMPT])
        limited(developer, "0.01", scope="execution", scope_id=UUID(execution["id"]), period="total")
        limits.forget()
        assert started(flow, [PROMPT, PROMPT])["status"] == "succeeded"


@pytest.mark.parametrize("is_folded", [False, True])
def test_what_runs_cost_that_a_run_calls_counts_for_it(
    flow: FlowRunner, developer: Developer, django_capture_on_commit_callbacks: Any, is_folded: bool
) -> None:
    """Those that they call as well; and what is counted anew, of runs that are gone, is the same."""
    tool: dict[str, Any] | None = None
    for main in ([PROMPT, PROMPT], [PROMPT, CALL], [{"wait_for_input": {"info": {}}}, CALL]):
        task = flow.create({"main": main, "tools": [] if tool is None else [tool]}).json()["id"]
        tool = {"name": "helper", "type": "task", "task": {"task_id": task}}
    execution = flow.start(task, {})
    row = limited(developer, "0.015", scope="execution", scope_id=UUID(execution["id"]), period="total")

    with scripted_model(["one", "two", "three"]) as model:
        flow.resume(execution["id"], 1)
        [held] = Branch.objects.filter(effect__waits_for__type="budget").select_related("execution")
        assert held.execution.counts_for and UUID(execution["id"]) in held.execution.counts_for
        assert (len(model.requests), flow.settle(execution["id"])["status"]) == (2, "running")
        if is_folded:
            assert fold() == 2
        total = SpendingTotal.objects.get(limit=row)
        recount(total.pk)
        total.refresh_from_db()
        assert (total.spent, total.reserved) == (Decimal("0.02"), 0)

        limit_services.change_limit(developer, row.pk, {"amount": Decimal("0.5")})
        assert went_on(flow, execution, django_capture_on_commit_callbacks)["status"] == "succeeded"
    Execution.objects.exclude(pk=execution["id"]).delete()
    recount(total.pk)
    total.refresh_from_db()
    assert total.spent == Decimal("0.03")
