"""What calls of models used and cost."""

from datetime import timedelta

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.usage import GROUPS, usage
from julep_project.core.clock import now

DAYS = {"1": "today", "7": "7 days", "30": "30 days", "90": "90 days"}


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Sums in groups, the dearest first."""
    group, days = request.GET.get("by", "model"), request.GET.get("days", "7")
    if group not in GROUPS or days not in DAYS:
        raise BadRequest("by is one of " + ", ".join(GROUPS) + "; days one of " + ", ".join(DAYS))
    found = usage(group, now() - timedelta(days=int(days) - 1))
    if form := wanted_format(request):
        return as_file(form, "usage", found)
    sums = {name: sum(row[name] or 0 for row in found) for name in ("calls", "unpriced", "cost")}
    context = {"found": found, "group": group, "groups": list(GROUPS), "days": days, "spans": DAYS, "sums": sums}
    return page(request, "usage.html", "Usage", **context)
