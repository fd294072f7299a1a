"""What the address of a part of a run names."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest

from executions.models import Execution, Transition


def get_run(run_id: UUID) -> Execution:
    """The run; its values are left where they lie.

    Raises:
        Http404
    """
    found: Execution | None = (
        Execution.objects.select_related("task", "task_version", "developer")
        .defer("input", "output", "state", "task_version__program", "task_version__source", "task_version__tools")
        .filter(pk=run_id)
        .first()
    )
    if found is None:
        raise Http404("There is no such run")
    return found


def get_row(run_id: UUID, seq: int) -> Transition:
    """A row of the run's log, without its output.

    Raises:
        Http404
    """
    row = Transition.objects.defer("output").filter(execution_id=run_id, seq=seq).first()
    if row is None:
        raise Http404("The run has no such row")
    return row


def number(request: HttpRequest, name: str, otherwise: int) -> int:
    """A whole number of the address.

    Raises:
        BadRequest
    """
    given = request.GET.get(name, "")
    if not given:
        return otherwise
    if not given.isdecimal() or len(given) > 9:
        raise BadRequest(f"{name} is no number")
    return int(given)
