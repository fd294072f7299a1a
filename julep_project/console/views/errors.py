"""Faults: failed runs in groups."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.errors import LOOKED_AT, error_groups
from julep_project.core.clock import now

SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_EXPORTED = ("task", "step", "type", "message", "number", "share", "versions", "first", "last", "fault", "newest")


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Groups of failed runs, the largest first."""
    span = request.GET.get("since", "24h")
    if span not in SPANS:
        raise BadRequest("since is one of " + ", ".join(SPANS))
    until = now()
    groups = error_groups(until - SPANS[span], until)
    if form := wanted_format(request):
        return as_file(form, "errors", [_exported(group) for group in groups])
    total = sum(group["number"] for group in groups)
    return page(
        request, "errors.html", "Errors", groups=groups, span=span, spans=list(SPANS), total=total, most=LOOKED_AT
    )


def _exported(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in _EXPORTED}
