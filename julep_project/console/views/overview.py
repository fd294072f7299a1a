"""What is wrong, how the last hour went, and what to look at first."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse

from executions.operating.faults import NEW
from executions.waits.asked import first_text
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page, part
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.errors import error_groups
from julep_project.console.queries.overview import counts, numbers, troubles
from julep_project.console.queries.waits import list_waits
from julep_project.core.clock import now

_SHOWN = 5


@needs(VIEW)
def show(request: HttpRequest) -> HttpResponse:
    """The page, whose contents are brought up to date while it is looked at."""
    moment = now()
    found = numbers(moment)
    if form := wanted_format(request):
        return as_file(form, "overview", found)
    reads = may(request, CONTENTS)
    waits = [
        {**wait, "question": first_text(wait["asks"]) if reads else ""}
        for wait in list_waits(kind="", after=None, limit=_SHOWN)
    ]
    context = {
        "numbers": found,
        "counts": counts(),
        "troubles": troubles(),
        "groups": [one for one in error_groups(moment - timedelta(days=1), moment) if one["state"] == NEW][:_SHOWN],
        "waits": waits,
    }
    if request.GET.get("part"):
        return part(request, "parts/overview.html", **context)
    return page(request, "overview.html", "Overview", **context)
