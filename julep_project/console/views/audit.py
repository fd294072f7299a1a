"""The audit log: who did what."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from agents.audit.verbs import ObjectKind, Verb
from julep_project.console.address import page_behind
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.audit import FILTERS, LOOKED_AT, list_acts
from julep_project.core.actor import ActorKind

_LONGEST = 255


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Acts, the newest first."""
    wanted = {name: request.GET.get(name, "").strip().replace("\0", "")[:_LONGEST] for name in FILTERS}
    form = wanted_format(request)
    size = FILE if form else PAGE
    found, has_more = split(list_acts(wanted, after=read_id(request.GET.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        return as_file(form, "audit", [_exported(row, may(request, CONTENTS)) for row in found], following=following)
    choices = {"verbs": list(Verb), "kinds": list(ObjectKind), "actors": list(ActorKind)}
    return page(
        request, "audit.html", "Audit", acts=found, wanted=wanted, following=following, most=LOOKED_AT, **choices
    )


def _exported(row: Mapping[str, Any], reads: bool) -> dict[str, Any]:
    """Settings before and after are contents."""
    return {name: part for name, part in row.items() if reads or name not in ("before", "after")}
