"""Runs beside each other: how they ended, what they took, and what their steps gave."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from executions.comparing.comparison import (
    FEWEST_RUNS,
    MOST_RUNS,
    Cell,
    Comparison,
    RunColumn,
    StepLine,
    compare_runs,
    runs_to_compare,
)
from executions.models import Execution
from executions.states import TERMINAL_EXECUTION
from julep_project.console.acts import act
from julep_project.console.address import uuid_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page, part
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.views.run.lookup import number
from julep_project.console.views.run.values import differing, output_of_row, output_of_run
from julep_project.core.errors import DomainError, NotFound

_PAGE = 50
_FILE = 100


@needs(VIEW)
def show(request: HttpRequest) -> HttpResponse:
    """The runs that the address names, `run` by `run` or as a `fork`."""
    offset, form = number(request, "offset", 0), wanted_format(request)
    runs = _runs(request)
    if len(runs) < FEWEST_RUNS:
        return page(request, "compare.html", "Compare runs", runs=runs, fewest=FEWEST_RUNS, most=MOST_RUNS)
    compared = compare_runs(runs, after=number(request, "behind", 0), offset=offset, limit=_FILE if form else _PAGE)
    following = _following(request, offset, compared)
    if form:
        rows = [_exported(line, compared, may_read=may(request, CONTENTS)) for line in compared.lines]
        return as_file(form, "comparison", rows, following=following)
    context = {
        "runs": runs,
        "compared": compared,
        "columns": [_column(column, compared, may(request, CONTENTS)) for column in compared.columns],
        "offset": offset,
        "following": following,
        "is_open": any(run.status not in TERMINAL_EXECUTION for run in runs),
        "most": MOST_RUNS,
        "has_variants": any(run.variant for run in runs),
    }
    if request.GET.get("part"):
        answer = part(request, "parts/comparison.html", **context)
        if not context["is_open"]:
            # The page goes on asking.
            answer.headers["HX-Refresh"] = "true"
        return answer
    return page(request, "compare.html", f"{len(runs)} runs compared", **context)


def _runs(request: HttpRequest) -> list[Execution]:
    """Runs of one developer: that of the first."""
    fork, ids = request.GET.get("fork", ""), [uuid_of(given.strip()) for given in request.GET.getlist("run")]
    fork_id = uuid_of(fork)
    if (fork and fork_id is None) or None in ids:
        raise BadRequest("That is no id")
    wanted = [one for one in dict.fromkeys(ids) if one is not None]
    condition = {"fork_id": fork_id} if fork_id else {"pk__in": wanted[:1]}
    first = Execution.objects.filter(**condition).select_related("developer").only("developer").first()
    if first is None and (fork_id or wanted):
        raise Http404("There is no such run")
    if first is None or (fork_id is None and len(wanted) < FEWEST_RUNS):
        return list(Execution.objects.filter(pk__in=wanted).select_related("task").defer("input", "output"))
    try:
        return runs_to_compare(first.developer, ids=wanted, fork_id=fork_id)
    except NotFound as error:
        raise Http404(f"{error.message}, or it is of another developer") from None
    except DomainError as error:
        raise BadRequest(error.message) from None


def _following(request: HttpRequest, offset: int, compared: Comparison) -> str | None:
    """The page of the steps behind these, or of the next part of the logs."""
    end = offset + len(compared.lines)
    if end >= compared.count and compared.further is None:
        return None
    query = request.GET.copy()
    query.pop("part", None)
    if end < compared.count:
        query["offset"] = str(end)
    else:
        query.pop("offset", None)
        query["behind"] = str(compared.further)
    return f"{request.path}?{query.urlencode()}"


def _column(column: RunColumn, compared: Comparison, may_read: bool) -> dict[str, Any]:
    """A run, with what differs in its output from that of the first."""
    run, first = column.run, compared.columns[0].run
    told: dict[str, Any] = {"run": run, "column": column, "usage": column.usage}
    if not may_read:
        return told
    output = output_of_run(run.pk)
    told["output"] = output
    if run.pk != first.pk and not column.is_same:
        told |= differing(output_of_run(first.pk), output)
    return told


def _exported(line: StepLine, compared: Comparison, *, may_read: bool) -> dict[str, Any]:
    step = line.step
    told: dict[str, Any] = {
        "step": f"{step.workflow}[{step.step}]",
        "label": line.label,
        "turn": step.turn,
        "is_same": line.is_same,
    }
    for column, cell in zip(compared.columns, line.cells, strict=True):
        told |= {f"{column.run.pk} {name}": part for name, part in _cell_to_file(cell, may_read).items()}
    return told


def _cell_to_file(cell: Cell | None, may_read: bool) -> Mapping[str, Any]:
    names: Sequence[str] = ("output", "error", "seconds", "calls", "tokens", "cost")
    if cell is None:
        return dict.fromkeys(names)
    usage, output = cell.usage, cell.output.text if may_read else None
    return dict(zip(names, (output, cell.error_type, cell.seconds, usage.calls, usage.tokens, usage.cost), strict=True))


@act(VIEW)
def choose(request: HttpRequest) -> HttpResponse:
    """From the runs that were ticked to the page that compares them."""
    ids = request.POST.getlist("run")
    if not FEWEST_RUNS <= len(ids) <= MOST_RUNS:
        messages.warning(request, f"Between {FEWEST_RUNS} and {MOST_RUNS} runs are compared at once")
        return HttpResponseRedirect(reverse("admin:console_runs"))
    return HttpResponseRedirect(f"{reverse('admin:console_compare')}?{urlencode([('run', one) for one in ids])}")


@needs(VIEW, CONTENTS)
def step(request: HttpRequest) -> HttpResponse:
    """What differs in what a step gave in two runs: a part of the page."""
    ids = (uuid_of(request.GET.get(name, "")) for name in ("before", "after"))
    before, after = (None if row_id is None else output_of_row(row_id) for row_id in ids)
    return part(request, "parts/difference.html", **differing(before, after))
