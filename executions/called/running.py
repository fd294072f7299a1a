"""Runs tools of the kind `task`: a call is a run of the task, begun once however often the call is made.

In a run nobody waits for it: the branch stands at its call, and is looked at again when the run has ended. A chat,
which has its own time, makes the call again for a little while, and is answered how the run stands.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction

from agents.calls.purpose import current_purpose
from agents.spending.attribution import current_attribution
from agents.tools.errors import BadArguments, Delivery, NotYet, ReportedError, StillRunning, ToolError
from agents.tools.registry import ToolCall
from agents.tools.system import as_tool_error
from executions.called.standing import Standing, standing_of
from executions.models import Execution
from executions.services import cancel_execution, check_may_start, start_execution
from executions.states import ExecutionStatus
from julep_project.core.clock import now
from julep_project.core.errors import BadRequest, DomainError
from julep_project.core.json_value import Json
from julep_project.core.rates.errors import TooManyRuns
from julep_project.core.reading.validation import parse_uuid
from tasks.selectors import get_task

# The end of the run wakes who waits for it. Should that be missed, it is looked for so often.
_LOOKS_EVERY_S = 60.0
_LOOKS_FOR_ROOM_EVERY_S = 5.0
_LONGEST_ERROR = 2000


class TaskFailed(ReportedError):
    """The run that the call began did not succeed."""

    kind = "TaskFailed"


class TooManyAtWork(NotYet):
    """As many runs of the developer are at work as may be at once."""

    kind = "TooManyRuns"
    waits_for = "the end of other runs"


class TaskTimedOut(ToolError):
    """The run that the call began took longer than the call may, and was cancelled."""

    kind = "TaskTimedOut"


def run(call: ToolCall) -> Json:
    """The output of the run.

    Raises:
        TaskFailed, TaskTimedOut, StillRunning, TooManyAtWork, BadArguments, ToolError
    """
    try:
        if call.spec.get("asks") is True:
            return _told(call, _asked_about(call))
        started = _started(call)
        if not call.comes_again:
            return _told(call, started.pk)
        return _output(standing_of(call.developer, started.pk), call)
    except TooManyRuns as error:
        raise TooManyAtWork(error.explanation, _LOOKS_FOR_ROOM_EVERY_S) from error
    except DomainError as error:
        raise as_tool_error(error) from error


def _started(call: ToolCall) -> Execution:
    pin = call.spec.get("pin", "latest")
    whom, about = current_attribution(), current_purpose().about
    # A chat that a branch waits for may be around as well: its calls are not the branch's.
    waits = current_purpose().branch_id if call.comes_again else whom.session_id
    run_id = uuid5(call.developer.pk, call.idempotency_key)
    is_there = Execution.objects.for_developer(call.developer).filter(pk=run_id).exists()
    if not is_there and call.comes_again and current_purpose().begun == run_id:
        raise TaskFailed(f"the run {run_id} of {call.name!r} was removed")
    task = get_task(call.developer, parse_uuid(str(call.spec.get("task_id")), "task_id"))
    if not is_there:
        # Without room for one more it is not the call's turn either.
        check_may_start(call.developer, task, caller=whom.execution_id)
        call.turn()
    with transaction.atomic():
        return start_execution(
            developer=call.developer,
            task=task,
            input_=dict(call.arguments),
            metadata=None if about is None else {"user_id": str(about)},
            depth=call.depth,
            execution_id=run_id,
            number=None if pin == "latest" else int(pin),
            called={
                "called_by": waits,
                "callers": _callers(whom.execution_id),
                "counts_for": whom.led_here,
            },
        )


def _callers(run_id: UUID | None) -> list[UUID] | None:
    """The run in which the call is made, and those that led to that."""
    if run_id is None:
        return None
    above: list[UUID] | None = Execution.objects.filter(pk=run_id).values_list("callers", flat=True).first()
    return [run_id, *(above or ())]


def _output(standing: Standing, call: ToolCall) -> Json:
    execution = standing.run
    if not standing.is_over:
        left_s = _left_s(execution, call)
        if left_s is not None and left_s <= 0:
            return _output(_given_up(execution, call), call)
        raise StillRunning(execution.pk, _LOOKS_EVERY_S if left_s is None else min(left_s, _LOOKS_EVERY_S))
    if execution.status == ExecutionStatus.SUCCEEDED:
        return execution.output
    about = f"the run {execution.pk} of {call.name!r}"
    if execution.status == ExecutionStatus.FAILED:
        raise TaskFailed(f"{about} failed: {(execution.error or 'nobody knows why')[:_LONGEST_ERROR]}")
    raise TaskFailed(f"{about} was cancelled")


def _left_s(execution: Execution, call: ToolCall) -> float | None:
    return None if call.timeout_s is None else call.timeout_s - (now() - execution.created_at).total_seconds()


def _given_up(execution: Execution, call: ToolCall) -> Standing:
    """Cancel the run, unless it has ended by now.

    Raises:
        TaskTimedOut
    """
    told = f"the run {execution.pk} of {call.name!r} took longer than {call.timeout_s:g} s"
    try:
        cancel_execution(developer=call.developer, execution_id=execution.pk, reason=told)
    except BadRequest:
        return standing_of(call.developer, execution.pk)
    raise TaskTimedOut(f"{told}, and was cancelled", repeatable=False, delivery=Delivery.ANSWERED)


def _asked_about(call: ToolCall) -> UUID:
    """The run that the model asks about, if it was begun in this session by this tool.

    Raises:
        BadArguments
    """
    run_id = parse_uuid(str(call.arguments.get("execution_id")), "execution_id")
    known = Execution.objects.for_developer(call.developer).filter(
        pk=run_id, task_id=call.spec["task_id"], called_by=current_attribution().session_id, called_by__isnull=False
    )
    if not known.exists():
        raise BadArguments(f"there is no run {run_id} that was begun here")
    return run_id


def _told(call: ToolCall, run_id: UUID) -> Json:
    """The run's output, if it has ended; else how it stands, if it waits for somebody.

    Raises:
        StillRunning
    """
    standing = standing_of(call.developer, run_id, whole=False)
    if standing.rests:
        standing = standing_of(call.developer, run_id)
        return _output(standing, call) if standing.is_over else _going_on(standing)
    wait_s = min(settings.CHAT_TASK_WAIT_S, (call.timeout_s or settings.CHAT_TASK_WAIT_S) * 0.9)
    raise StillRunning(run_id, wait_s, _going_on(standing))


def _going_on(standing: Standing) -> dict[str, Json]:
    run = standing.run
    told: dict[str, Any] = {"execution_id": str(run.pk), "status": run.status}
    if standing.waits:
        waits: Mapping[str, Any] = standing.waits
        return {**told, "waits": list(waits.values()), "note": "It goes on when somebody has answered it."}
    return {**told, "note": "It goes on by itself; ask later how it stands."}
