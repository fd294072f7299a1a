"""Runs and transitions as clients, models and programs see them."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.tools.presets import without_values
from executions.models import TIMES, Execution, Transition
from executions.states import TERMINAL_EXECUTION, TransitionType
from executions.wait_tokens import task_token
from julep_project.core.clock import now, to_wire
from tasks.programs.overrides import Override


def execution_to_wire(execution: Execution, *, progress: str | None = None) -> dict[str, Any]:
    """The execution object. While nothing of the run moves before some time, it also says that it sleeps, else the
    `progress` of what it waits for."""
    detail = status_detail(execution) or progress
    return {
        "id": str(execution.pk),
        "task_id": str(execution.task_id),
        "status": execution.status,
        **({} if detail is None else {"status_detail": detail}),
        "input": execution.input,
        "output": execution.output,
        "error": execution.error,
        "transition_count": execution.transition_count,
        "metadata": execution.metadata,
        "called_by": _caller_of(execution),
        "retried_from": None if execution.retried_from is None else str(execution.retried_from),
        "fork": None if execution.fork_id is None else {"id": str(execution.fork_id), **(execution.variant or {})},
        "overrides": overrides_to_wire(execution.overrides),
        "created_at": to_wire(execution.created_at),
        "updated_at": to_wire(execution.updated_at),
    }


def _caller_of(execution: Execution) -> dict[str, Any] | None:
    """The run or the session, or both, in which a tool has begun it."""
    if execution.called_by is None:
        return None
    # One that a branch waits for was begun by none of the sessions that led to it.
    is_sessions = not execution.callers or execution.called_by in (execution.counts_for or ())
    return {
        "execution_id": str(execution.callers[0]) if execution.callers else None,
        "session_id": str(execution.called_by) if is_sessions else None,
    }


def overrides_to_wire(stored: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None) -> Any:
    """What a run has otherwise than the program of its version, by step; in a list that is too large, what says so."""
    if isinstance(stored, Mapping):
        return stored
    found = [Override.from_json(each) for each in stored or ()]
    return [{"step": each.place, "step_label": each.label, **each.given} for each in found]


def status_detail(execution: Execution) -> str | None:
    """What the status does not say: that the run sleeps, and until when."""
    until = execution.asleep_until
    if until is None or until <= now() or execution.status in TERMINAL_EXECUTION:
        return None
    return f"sleeping until {to_wire(until)}"


def shown_execution(execution: Execution) -> dict[str, Any]:
    """The execution as models and programs see it: without the presets of tools."""
    return {**execution_to_wire(execution), "metadata": without_values(execution.metadata)}


def transition_to_wire(transition: Transition) -> dict[str, Any]:
    """The transition object. A `wait` carries the token that resumes it."""
    metadata = {name: part for name, part in transition.metadata.items() if name != TIMES}
    if transition.type == TransitionType.WAIT:
        metadata = {**metadata, "task_token": task_token(transition.pk)}
    return {
        "id": str(transition.pk),
        "execution_id": str(transition.execution_id),
        "type": transition.type,
        "current": transition.current,
        "next": transition.next,
        "step_label": transition.step_label,
        "output": transition.output,
        "metadata": metadata,
        "created_at": to_wire(transition.created_at),
        "updated_at": to_wire(transition.created_at),
    }


def status_event(execution: Execution) -> dict[str, Any]:
    """What `status.stream` says of a run."""
    return {
        "execution_id": str(execution.pk),
        "status": execution.status,
        "updated_at": to_wire(execution.updated_at),
        "error": execution.error,
        "transition_count": execution.transition_count,
        "metadata": execution.metadata,
    }
