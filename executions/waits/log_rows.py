"""Rows of the log that are written, or read, from outside the engine."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from executions.engine.contents import unmarked
from executions.engine.frame import Frame
from executions.models import Branch, Execution, Transition
from executions.states import TransitionType
from julep_project.core.clock import now


def open_waits(branches: Sequence[Branch]) -> list[Transition]:
    """The rows of the log that these branches stand at, in its order."""
    waits = Transition.objects.defer("output").filter(pk__in=[branch.wait_id for branch in branches])
    return list(waits.order_by("seq"))


def newest_place(execution: Execution) -> Transition:
    """Where the run stands: its newest transition, or one that stands for the start if it has none yet."""
    newest = Transition.objects.defer("output").filter(execution=execution).order_by("-seq").first()
    if newest is not None:
        return newest
    branch = Branch.objects.get(execution=execution, parent=None)
    start = Frame(**unmarked(branch.stack[0]))
    return Transition(branch=branch, current=start.target(), scope=UUID(start.scope))


def append(
    execution: Execution,
    type_: TransitionType,
    *,
    output: Any,
    at: Transition,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Add a row to the log at the place of another. The execution row is locked; the caller saves its new counter.

    `output` is as a row takes it: what is large lies in the storage already.
    """
    execution.transition_count += 1
    execution.updated_at = max(now(), execution.updated_at)
    Transition.objects.create(
        execution=execution,
        branch_id=at.branch_id,
        seq=execution.transition_count,
        type=type_,
        current=at.current,
        output=output,
        metadata=metadata or {},
        created_at=execution.updated_at,
        scope=at.scope,
    )
