"""The list of runs."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from agents.tools.presets import without_values
from executions.states import ExecutionStatus
from julep_project.console.address import page_behind
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, Place, read_place, split
from julep_project.console.page import page, part
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.runs import SEARCHED, RunFilter, histogram, list_runs

_CHIPS = 4


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """A page of runs, the newest first, as the address narrows them."""
    wanted = RunFilter.of(request.GET)
    form = wanted_format(request)
    size = FILE if form else PAGE
    found, has_more = split(list_runs(wanted, after=read_place(request.GET.get("after")), limit=size + 1), size)
    following = page_behind(request, Place(found[-1]["created_at"], found[-1]["id"]).token()) if has_more else None
    if form:
        return as_file(form, "runs", [_exported(row) for row in found], following=following)
    narrowing = request.GET.copy()
    narrowing.pop("after", None)
    return page(
        request,
        "runs.html",
        "Runs",
        runs=[{**row, "chips": _chips(row["metadata"])} for row in found],
        wanted=wanted,
        following=following,
        statuses=ExecutionStatus.values,
        searched=SEARCHED,
        query=request.GET.urlencode(),
        narrowing=narrowing.urlencode(),
    )


def _chips(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = {name: value for name, value in without_values(metadata).items() if not isinstance(value, dict | list)}
    return [(name, str(value)) for name, value in list(shown.items())[:_CHIPS]]


_EXPORTED = ("id", "status", "task", "version", "step", "created_at", "ended_at", "error", "calls", "tokens", "cost")


def _exported(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in _EXPORTED}, "metadata": without_values(row["metadata"])}


@needs(VIEW)
def bars(request: HttpRequest) -> HttpResponse:
    """How many runs of the filter began when: a part of the list."""
    return part(request, "parts/histogram.html", histogram=histogram(RunFilter.of(request.GET)))
