"""Faults: failed runs in groups."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from executions.operating.faults import NEW, mark_fault
from executions.operating.models import FaultState
from julep_project.console.acts import act, back, told
from julep_project.console.address import uuid_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.errors import LOOKED_AT, error_groups
from julep_project.core.clock import now

SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
STATES = (NEW, *FaultState.values, "all")
LENGTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_EXPORTED = (
    *("task", "step", "type", "message", "number", "share", "versions", "first", "last", "fault", "newest"),
    *("state", "until", "by"),
)


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Groups of failed runs, the largest first."""
    span = request.GET.get("since", "24h")
    if span not in SPANS:
        raise BadRequest("since is one of " + ", ".join(SPANS))
    state = request.GET.get("state", NEW)
    if state not in STATES:
        raise BadRequest("state is one of " + ", ".join(STATES))
    until = now()
    found = error_groups(until - SPANS[span], until)
    groups = [group for group in found if state in ("all", group["state"])]
    if form := wanted_format(request):
        return as_file(form, "errors", [_exported(group) for group in groups])
    total = sum(group["number"] for group in groups)
    return page(
        request,
        "errors.html",
        "Errors",
        groups=groups,
        others=len(found) - len(groups),
        span=span,
        spans=list(SPANS),
        state=state,
        states=STATES,
        lengths=list(LENGTHS),
        total=total,
        most=LOOKED_AT,
    )


def _exported(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in _EXPORTED}


@act()
def mark(request: HttpRequest) -> HttpResponse:
    """Ignore a fault for a while, take it for resolved, or for new again."""
    form = request.POST
    task_id, state, length = uuid_of(form.get("task", "")), form.get("state", ""), form.get("length", "")
    if task_id is None or state not in STATES[:-1] or (state == FaultState.IGNORED and length not in LENGTHS):
        raise BadRequest("There is no such fault, or no such way to mark it")
    until = now() + LENGTHS[length] if state == FaultState.IGNORED else None
    with told(request, f"The fault is {state}" + (f" for {length}" if until else "")):
        mark_fault(task_id=task_id, fault=form.get("fault", "")[:16], state=state, until=until)
    return back(request, reverse("admin:console_errors"))
