"""Docs and their vectors."""

from django.http import HttpRequest, HttpResponse

from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.documents import failed, states


@needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """How many have them, and which got none."""
    found = states()
    if form := wanted_format(request):
        return as_file(form, "documents", found)
    return page(request, "documents.html", "Documents", states=found, failed=failed())
