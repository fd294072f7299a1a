"""Reads of runs, always limited to one tenant."""

from uuid import UUID

from django.db.models import QuerySet

from agents.models import Developer
from executions.models import Execution, Transition
from julep_project.core.errors import NotFound
from julep_project.core.pagination import PageRequest
from tasks.models import Task


def get_execution(developer: Developer, execution_id: UUID, *, task: Task | None = None) -> Execution:
    """One run; with `task`, only if it is that task's.

    Raises:
        NotFound: there is none, or it is another tenant's or task's.
    """
    executions = Execution.objects.for_developer(developer).filter(pk=execution_id)
    execution: Execution | None = (executions.filter(task=task) if task else executions).first()
    if execution is None:
        raise NotFound(f"Execution {execution_id} not found")
    return execution


def list_executions(developer: Developer, task: Task) -> QuerySet[Execution]:
    """Runs of a task."""
    return Execution.objects.for_developer(developer).filter(task=task)


def list_transitions(execution: Execution) -> QuerySet[Transition]:
    """The log of a run."""
    return Transition.objects.filter(execution=execution)


def page_of_transitions(execution: Execution, page: PageRequest, *, scope: UUID | None = None) -> list[Transition]:
    """Part of the log, one call of one workflow only if `scope` names it. Any sort follows the sequence."""
    rows = list_transitions(execution) if scope is None else list_transitions(execution).filter(scope=scope)
    ordered = rows.order_by("-seq" if page.descending else "seq")
    return list(ordered[page.offset : page.offset + page.limit])


def get_transition(execution: Execution, transition_id: UUID) -> Transition:
    """One row of the log.

    Raises:
        NotFound: the run has no such row.
    """
    transition = list_transitions(execution).filter(pk=transition_id).first()
    if transition is None:
        raise NotFound("Transition not found")
    return transition


def get_wait(developer: Developer, wait_id: UUID) -> Transition | None:
    """A `wait` row of any run of the tenant."""
    return Transition.objects.filter(pk=wait_id, execution__developer=developer).first()


def list_transitions_after(execution_id: UUID, seq: int, *, limit: int) -> list[Transition]:
    """The next rows of the log after a sequence number."""
    return list(Transition.objects.filter(execution_id=execution_id, seq__gt=seq).order_by("seq")[:limit])
