"""What calls of models used and cost."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from julep_project.console.address import uuid_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.usage import GROUPS, LOOKED_AT, OF_IDS, dearest_calls, usage
from julep_project.core.clock import now

DAYS = {"1": "today", "7": "7 days", "30": "30 days", "90": "90 days"}


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Sums in groups, the dearest first."""
    group, days = request.GET.get("by", "model"), request.GET.get("days", "7")
    if group not in GROUPS or days not in DAYS:
        raise BadRequest("by is one of " + ", ".join(GROUPS) + "; days one of " + ", ".join(DAYS))
    since = now() - timedelta(days=int(days) - 1)
    of = None if request.GET.get("of") is None else request.GET["of"].replace("\0", "")
    if of and group in OF_IDS and uuid_of(of) is None:
        raise BadRequest("of is no id")
    form = wanted_format(request)
    if form and of is not None:
        return as_file(form, "calls", dearest_calls(group, of or None, since))
    found = usage(group, since)
    if form:
        return as_file(form, "usage", found)
    sums = {name: sum(row[name] or 0 for row in found) for name in ("calls", "unpriced", "cost")}
    context: dict[str, Any] = {
        "found": found,
        "group": group,
        "groups": list(GROUPS),
        "days": days,
        "spans": DAYS,
        "sums": sums,
    }
    if of is not None:
        context |= {"calls": dearest_calls(group, of or None, since), "of": of, "looked_at": LOOKED_AT}
        context["chosen"] = next((row["name"] for row in found if str(row["key"] or "") == of), of)
    return page(request, "usage.html", "Usage", **context)
