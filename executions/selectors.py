"""Reads of runs, always limited to one tenant."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from agents.models import Developer
from executions.models import Execution, Transition
from executions.stored_json import as_stored, omit, show, show_first
from executions.waits.counting import with_progress
from julep_project.core.api.page_bytes import LARGEST_PAGE_BYTES, rows_within, split_page
from julep_project.core.api.pagination import PageRequest
from julep_project.core.errors import NotFound
from tasks.models import Task

# A stream holds a page for as long as its reader takes.
_LARGEST_STREAM_PAGE_BYTES = 4 * 1024 * 1024


def get_execution(
    developer: Developer, execution_id: UUID, *, task: Task | None = None, whole: bool = True
) -> Execution:
    """One run; with `task`, only if it is that task's. Unless it is `whole`, input and output are left where they lie.

    Raises:
        NotFound: there is none, or it is another tenant's or task's.
    """
    executions = Execution.objects.for_developer(developer).filter(pk=execution_id)
    if task is not None:
        executions = executions.filter(task=task)
    execution: Execution | None = (executions if whole else executions.defer("input", "output")).first()
    if execution is None:
        raise NotFound(f"Execution {execution_id} not found")
    return execution


def list_executions(developer: Developer, task: Task) -> QuerySet[Execution]:
    return Execution.objects.for_developer(developer).filter(task=task)


def page_of_executions(rows: QuerySet[Execution], page: PageRequest) -> list[Execution]:
    """Part of a list of runs; see `show` for values that cannot be shown in it."""
    return _shown(page.apply(rows), "input", "output", "overrides")


def list_transitions(execution: Execution) -> QuerySet[Transition]:
    return Transition.objects.filter(execution=execution)


def page_of_transitions(execution: Execution, page: PageRequest, *, scope: UUID | None = None) -> list[Transition]:
    """Part of the log, one call of one workflow only if `scope` names it. Any sort follows the sequence.

    See `show` for outputs that cannot be shown in it.
    """
    rows = list_transitions(execution) if scope is None else list_transitions(execution).filter(scope=scope)
    ordered = rows.order_by("-seq" if page.descending else "seq")
    found: list[Transition] = _shown(ordered[page.offset : page.offset + page.limit], "output")
    with_progress(found)
    return found


def _shown(page: QuerySet[Any], *columns: str) -> list[Any]:
    """The rows of a page with their values as far as these are not too large together, wherever they lie."""
    whole, others = split_page(page, *columns, most_bytes=LARGEST_PAGE_BYTES)
    shown = show(as_stored(page[:whole], *columns), *columns, most_bytes=LARGEST_PAGE_BYTES)
    return [*shown, *(omit(page[whole : whole + others], *columns) if others else ())]


def get_transition(execution: Execution, transition_id: UUID) -> Transition:
    """One row of the log.

    Raises:
        NotFound: the run has no such row.
    """
    transition = list_transitions(execution).filter(pk=transition_id).first()
    if transition is None:
        raise NotFound("Transition not found")
    with_progress([transition])
    return transition


def get_wait(developer: Developer, wait_id: UUID) -> Transition | None:
    """A `wait` row of any run of the tenant; its output is left where it lies."""
    waits = Transition.objects.defer("output").filter(execution__developer=developer)
    return waits.filter(pk=wait_id).first()


def list_transitions_after(execution_id: UUID, seq: int, *, limit: int) -> list[Transition]:
    """The next rows of the log after a sequence number, each with its output if that can be read.

    Fewer than `limit` where their outputs are large; none only when there is none.
    """
    rows = Transition.objects.filter(execution_id=execution_id, seq__gt=seq).order_by("seq")
    count = rows_within(rows, "output", most_rows=limit, most_bytes=_LARGEST_STREAM_PAGE_BYTES)
    if not count:
        return []
    return show_first(as_stored(rows, "output")[:count], "output", most_bytes=_LARGEST_STREAM_PAGE_BYTES)
