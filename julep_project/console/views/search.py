"""The search box: any id, or its beginning, leads to its page."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.search import SHORTEST, search

_LONGEST = 255


@needs(VIEW)
def find(request: HttpRequest) -> HttpResponse:
    """To the page of what the text names; a list of them if there are several."""
    text = request.GET.get("q", "").strip()[:_LONGEST]
    found = search(text) if text else []
    if len(found) == 1:
        return HttpResponseRedirect(found[0].url)
    return page(request, "search.html", "Search", text=text, found=found, shortest=SHORTEST)
