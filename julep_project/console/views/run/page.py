"""A run, its timeline, and the details of a row."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse

from agents.tools.presets import without_values
from executions.models import Execution, Transition
from executions.states import TERMINAL_EXECUTION, ExecutionStatus
from executions.wire import overrides_to_wire
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page, part
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.log import MOST_ROWS, live_rows, log_rows, same_step
from julep_project.console.queries.runs import NO_USAGE, usage_of
from julep_project.console.queries.standing import Standing
from julep_project.console.views.run.calls import calls_during
from julep_project.console.views.run.lookup import get_row, get_run, number
from julep_project.console.views.run.names import names_at
from julep_project.console.views.run.values import differing, output_of_row, shown_value
from julep_project.console.views.source import written_step
from julep_project.core.clock import now, to_wire
from tasks.models import TaskVersion

_TABS = ("summary", "input", "output", "calls", "context", "json")


def _standing(request: HttpRequest, run: Execution) -> dict[str, Any]:
    moment = now()
    is_ended = run.status in TERMINAL_EXECUTION
    return {
        "run": run,
        "standing": Standing(run, may_read=may(request, CONTENTS), moment=moment),
        "is_ended": is_ended,
        "retries": _retries(run),
        "overrides": overrides_to_wire(run.overrides) if may(request, CONTENTS) else (),
        "length": ((run.ended_at or run.updated_at) if is_ended else moment) - run.created_at,
        "usage": usage_of([run.pk]).get(run.pk, NO_USAGE),
        "metadata": [(name, value) for name, value in without_values(run.metadata).items()],
    }


_MOST_RETRIES = 5


def _retries(run: Execution) -> list[UUID]:
    """Runs that do this one again."""
    found = Execution.objects.filter(retried_from=run.pk).order_by("created_at")
    return list(found.values_list("pk", flat=True)[:_MOST_RETRIES])


@needs(VIEW)
def overview(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The page; the rows of the timeline come by themselves."""
    run = get_run(run_id)
    if form := wanted_format(request):
        return as_file(form, f"run-{run_id}", _exported(run_id, request))
    context = {**_standing(request, run), "failed_at": _failed_at(run), "tabs": _TABS, "most": MOST_ROWS}
    return page(request, "run.html", f"{run.task.name} {str(run_id)[:8]}", **context)


def _failed_at(run: Execution) -> int | None:
    """The number of the row that a run failed with: what whoever opens its page looks for."""
    if run.status != ExecutionStatus.FAILED:
        return None
    return Transition.objects.filter(execution_id=run.pk, type="error").values_list("seq", flat=True).first()


def _exported(run_id: UUID, request: HttpRequest) -> list[dict[str, Any]]:
    told = log_rows(run_id, number(request, "after_seq", 0), MOST_ROWS)
    return [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]


@needs(VIEW)
def head(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """How the run stands: the part of the page above the timeline."""
    return part(request, "parts/run_head.html", **_standing(request, get_run(run_id)))


@needs(VIEW)
def rows(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Rows of the log after a number, without what steps were given and gave, and what is under way."""
    run = get_run(run_id)
    told = log_rows(run_id, number(request, "after_seq", 0), number(request, "limit", MOST_ROWS))
    is_ended = run.status in TERMINAL_EXECUTION
    live = [] if is_ended else live_rows(run_id, run.task_version_id)
    return JsonResponse(
        {
            **told,
            "count": run.transition_count,
            "status": run.status,
            "is_ended": is_ended,
            "begun": round(run.created_at.timestamp() * 1000),
            "now": round(now().timestamp() * 1000),
            "live": live,
        }
    )


@needs(VIEW)
def detail(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What is known of one row: a tab of it."""
    run, row = get_run(run_id), get_row(run_id, number(request, "seq", 0))
    tab = request.GET.get("tab", "summary")
    if tab not in _TABS:
        raise BadRequest("There is no such tab")
    reads = tab in ("input", "output")
    context: dict[str, Any] = {"run": run, "row": row, "tab": tab, "tabs": _TABS, "label": _label(row)}
    if reads and may(request, CONTENTS):
        context |= shown_value(run, row, tab)
        if tab == "output" and run.retried_from is not None:
            context |= _against(run, row)
    elif tab == "json":
        context["json"] = _row_to_json(row)
    elif tab == "calls":
        context["calls"] = calls_during(row)
    elif tab == "context":
        context |= names_at(run, row)
    elif tab == "summary":
        context |= _summary(run, row)
        if context["is_failure"] and may(request, CONTENTS):
            context |= shown_value(run, row, "input")
    return part(request, "parts/run_detail.html", **context)


def _against(run: Execution, row: Transition) -> dict[str, Any]:
    """What differs from the output of the same step of the run that this one does again."""
    before = same_step(run.retried_from, row.seq, row.current) if run.retried_from else None
    if before is None:
        return {}
    return {"before": before, **differing(output_of_row(before["id"]), output_of_row(row.pk))}


def _label(row: Transition) -> str:
    return row.step_label or f"{row.current['workflow']}[{row.current['step']}]"


def _summary(run: Execution, row: Transition) -> dict[str, Any]:
    retries = row.metadata.get("retries") or []
    is_failure = row.type == "error" or row.metadata.get("caught")
    return {
        "is_failure": is_failure,
        "message": run.error if row.type == "error" else None,
        "retries": retries,
        "attempts": len(retries) + 1,
        "kind": row.metadata.get("step_type", ""),
        "source": _source(run, row),
        "times": row.metadata.get("t") or {},
    }


def _source(run: Execution, row: Transition) -> str:
    """The step as its author wrote it, if it stands in a workflow itself."""
    sources = TaskVersion.objects.filter(pk=run.task_version_id).values_list("source", flat=True)
    return written_step(sources.first() or {}, row.current["workflow"], row.current["step"])


def _row_to_json(row: Transition) -> dict[str, Any]:
    shown = ("id", "branch_id", "seq", "type", "current", "next", "step_label", "metadata", "scope", "position", "loop")
    told = {name: getattr(row, name) for name in shown}
    plain = {name: str(value) if isinstance(value, UUID) else value for name, value in told.items()}
    return {**plain, "created_at": to_wire(row.created_at)}
