"""Is the installation well? What the database says of itself, and `manage.py doctor` line by line."""

from django.http import HttpRequest, HttpResponse

from julep_project import doctor
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page, part
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.postgres import activity, running, tables


@needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """Sizes, connections and what runs for long."""
    found = tables()
    if form := wanted_format(request):
        return as_file(form, "tables", found)
    return page(request, "health.html", "Health", tables=found, activity=activity(), running=running())


@needs(VIEW)
def lines(request: HttpRequest) -> HttpResponse:
    """The report of `doctor`: a part of the page, since the workers are asked, too."""
    reports = sorted(doctor.examine(), key=lambda report: (report.ok, not report.warns))
    return part(request, "parts/doctor.html", reports=reports)
