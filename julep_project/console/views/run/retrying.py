"""Trying a run again: what that would do, and doing it."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from executions.retrying.edits import Edits
from executions.retrying.services import RetryRequest, preview_retry, retry_execution
from julep_project.console.acts import act, do_once
from julep_project.console.address import uuid_of
from julep_project.console.page import page
from julep_project.console.permissions import OPERATE, VIEW, needs
from julep_project.console.views.run.lookup import get_run
from julep_project.console.views.typed import read_typed
from julep_project.core.errors import DomainError


@needs(VIEW, OPERATE)
def preview(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What would be taken along and what would be done again, and a form to begin."""
    run, point = get_run(run_id), _point(request.GET.get("from", ""), run_id)
    is_latest = request.GET.get("latest") == "1"
    context: dict[str, Any] = {"run": run, "point": point, "is_latest": is_latest}
    try:
        asked = RetryRequest(point=point, is_latest=is_latest)
        context["told"] = preview_retry(developer=run.developer, execution_id=run.pk, request=asked)
    except DomainError as error:
        context["refused"] = error.message
    return page(request, "retry.html", "Try again", **context)


def _point(given: str, run_id: UUID) -> str:
    """Where to begin: `start`, `failed`, or the id of a row of the log."""
    return given if given == "start" or uuid_of(given) else "failed"


@act()
def begin(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Begin the new run, and go to its page."""
    run, point = get_run(run_id), _point(request.POST.get("from", ""), run_id)
    is_latest = request.POST.get("latest") == "1"
    own = (
        reverse("admin:console_run_retry", args=[run_id])
        + "?"
        + urlencode([("from", point), ("latest", int(is_latest))])
    )
    text = request.POST.get("input", "").strip()
    try:
        edits = Edits(input=read_typed(text, "The input")) if text else Edits()
        asked = RetryRequest(
            point=point, is_latest=is_latest, repeats_once=request.POST.get("repeats_once") == "on", edits=edits
        )
    except ValueError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(own)
    again = partial(retry_execution, developer=run.developer, execution_id=run.pk, request=asked)
    fresh = do_once(request, run.developer_id, again)
    if fresh is None:
        return HttpResponseRedirect(own)
    messages.success(request, "A new run has begun; the one before stays as it is")
    return HttpResponseRedirect(reverse("admin:console_run", args=[fresh.pk]))
