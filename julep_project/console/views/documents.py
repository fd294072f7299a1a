"""Docs and their vectors."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from docs_store.embedding_queue import REVIVED_BY_HAND, revive_failed
from julep_project.console.acts import act, back, told
from julep_project.console.address import page_behind
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_place, split
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.documents import failed, place_of, states

_LONGEST = 255
_EXPORTED = ("doc_id", "title", "model", "error", "attempts", "due_at")


@needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """How many have them, and which got none."""
    model = request.GET.get("model", "").replace("\0", "")[:_LONGEST]
    form, of_failed = wanted_format(request), request.GET.get("of") == "failed"
    if form and not of_failed:
        return as_file(form, "documents", states())
    size = FILE if form else PAGE
    listed = failed(model=model, after=read_place(request.GET.get("after")), limit=size + 1)
    found, has_more = split(listed, size)
    following = page_behind(request, place_of(found[-1]).token()) if has_more else None
    if form:
        names = (*_EXPORTED, "begins") if may(request, CONTENTS) else _EXPORTED
        exported = [{name: row[name] for name in names} for row in found]
        return as_file(form, "documents-failed", exported, following=following)
    counted = states()
    number = sum(one["number"] for one in counted if one["state"] == "failed" and model in ("", one["model"]))
    return page(
        request,
        "documents.html",
        "Documents",
        states=counted,
        failed=found,
        following=following,
        model=model,
        number=number,
        most=REVIVED_BY_HAND,
    )


@act()
def retry(request: HttpRequest) -> HttpResponse:
    """Try the chosen docs again, or all that got no vectors of a model."""
    given = request.POST.getlist("row")
    if len(given) > PAGE or not all(one.isdecimal() and len(one) < 19 for one in given):
        raise BadRequest("That is no row of the page")
    is_all = request.POST.get("all") == "1"
    ids = None if is_all else [int(one) for one in given]
    model = request.POST.get("model", "").replace("\0", "")[:_LONGEST] or None
    with told(request, "They wait for their vectors again"):
        revive_failed(model=model if is_all else None, ids=ids)
    return back(request, reverse("admin:console_documents"))
