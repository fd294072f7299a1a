"""Acts on many runs: the list of them, and how one is getting on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents.models import Developer
from executions.bulk.actions import abort_bulk
from julep_project.console.acts import act, back, told
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page, part
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.bulk import get_action, list_actions, list_failed

_EXPORTED = ("id", "action", "state", "developer_id", "who", "why", "matched", "done", "skipped", "failed")


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Bulk actions, the newest first."""
    form = wanted_format(request)
    size = FILE if form else PAGE
    found, has_more = split(list_actions(after=read_id(request.GET.get("after")), limit=size + 1), size)
    following = f"{request.path}?after={found[-1]['id']}" if has_more else None
    if form:
        following = following and f"{following}&format={form}"
        return as_file(form, "bulk-actions", [_exported(row) for row in found], following=following)
    return page(request, "bulk/list.html", "Bulk actions", actions=found, following=following)


def _exported(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in _EXPORTED}, "filter": row["filter"], "created_at": row["created_at"]}


@needs(VIEW)
def show(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    """How far an action is, and the runs that it could not act on."""
    action, form = _found(bulk_id), wanted_format(request)
    failed = list_failed(bulk_id, FILE if form else PAGE)
    if form:
        return as_file(form, f"bulk-{bulk_id}", failed)
    context = {"action": action, "failed": failed, "pace": _pace(action)}
    if request.GET.get("part"):
        progress = part(request, "parts/bulk_progress.html", **context)
        if not action["is_open"]:
            # The page has a button to abort it, and goes on asking.
            progress.headers["HX-Refresh"] = "true"
        return progress
    return page(request, "bulk/action.html", f"{action['action']} {action['matched']} runs", **context)


def _pace(action: Mapping[str, Any]) -> dict[str, float]:
    """Runs in a second so far, and how many seconds are left at that."""
    seconds = (action["updated_at"] - action["created_at"]).total_seconds()
    if seconds <= 0 or not action["come_to"]:
        return {}
    rate = action["come_to"] / seconds
    return {"rate": rate, "left": max(action["matched"] - action["come_to"], 0) / rate}


def _found(bulk_id: UUID) -> dict[str, Any]:
    found = get_action(bulk_id)
    if found is None:
        raise Http404("There is no such bulk action")
    return found


@act()
def abort(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    """Let it act on no further run."""
    developer = Developer.objects.get(pk=_found(bulk_id)["developer_id"])
    with told(request, "It is aborted; what was done stays done"):
        abort_bulk(developer=developer, bulk_id=bulk_id)
    return back(request, reverse("admin:console_bulk_action", args=[bulk_id]))
