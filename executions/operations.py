"""What system tools may do with executions and their transitions."""

from typing import Any

from django.db.models import QuerySet

from agents.spending.attribution import current_attribution
from agents.tools.system import METADATA_FILTER, SystemCall, operation
from executions import selectors, services
from executions.api.serializers import ChangeBody, ExecutionBody, RunFilterBody
from executions.finding import RunFilter, find_runs
from executions.models import Execution
from executions.waits.standing import waits_of
from executions.wire import shown_execution, transition_to_wire
from tasks.selectors import get_task

Json = dict[str, Any]


@operation("execution.create", "task.execution.create", ids="task_id", body=ExecutionBody)
def start_execution(call: SystemCall) -> Json:
    """Start an execution of a task. It goes on by itself; get it later to see how it ends."""
    task = get_task(call.developer, call.id("task_id"))
    values = ExecutionBody.read(call.arguments)
    execution = services.start_execution(
        developer=call.developer,
        task=task,
        input_=values["input"],
        metadata=values.get("metadata"),
        depth=call.depth,
        execution_id=call.new_id(),
        called={"counts_for": current_attribution().led_here},
    )
    return shown_execution(execution)


@operation("execution.list", body=RunFilterBody, page=100, more=METADATA_FILTER)
def find_executions(call: SystemCall) -> list[Json]:
    """List executions, the newest first: those of one task, or of all with what else they have to meet."""
    if "task_id" in call.arguments:
        get_task(call.developer, call.id("task_id"))
    rows = find_runs(call.developer, RunFilter.of(RunFilterBody.read(call.arguments)))
    return _page(call, rows)


@operation("task.execution.list", ids="task_id", page=100, more=METADATA_FILTER)
def list_executions(call: SystemCall) -> list[Json]:
    """List the executions of a task, the newest first."""
    return _page(call, selectors.list_executions(call.developer, get_task(call.developer, call.id("task_id"))))


@operation("execution.get", "task.execution.get", ids="execution_id")
def get_execution(call: SystemCall) -> Json:
    """Get one execution: its status, output or error, and what it waits for."""
    execution = selectors.get_execution(call.developer, call.id("execution_id"))
    return {**shown_execution(execution), "waits": waits_of(execution)}


@operation("execution.change_status", "task.execution.change_status", ids="execution_id", body=ChangeBody)
def change_status(call: SystemCall) -> Json:
    """Resume a waiting execution with an input, or cancel it."""
    change = ChangeBody.change(call.arguments)
    execution_id = call.id("execution_id")
    return shown_execution(
        services.change_execution(developer=call.developer, execution_id=execution_id, change=change)
    )


@operation("execution.transition.list", ids="execution_id", page=1000)
def list_transitions(call: SystemCall) -> list[Json]:
    """List what happened in an execution, the newest first."""
    execution = selectors.get_execution(call.developer, call.id("execution_id"), whole=False)
    return [transition_to_wire(row) for row in selectors.page_of_transitions(execution, call.paging())]


@operation("execution.transition.get", ids="execution_id transition_id")
def get_transition(call: SystemCall) -> Json:
    """Get one transition of an execution."""
    execution = selectors.get_execution(call.developer, call.id("execution_id"), whole=False)
    return transition_to_wire(selectors.get_transition(execution, call.id("transition_id")))


def _page(call: SystemCall, rows: "QuerySet[Execution]") -> list[Json]:
    found = selectors.page_of_executions(call.narrowed(rows), call.paging(max_limit=100))
    return [shown_execution(execution) for execution in found]
