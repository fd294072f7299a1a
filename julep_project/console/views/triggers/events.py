"""Events: the list of them, and which runs went on with one."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from executions.events.models import EventSource, EventState
from julep_project.console.address import choice_of, page_behind, text_of, uuid_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.triggers.events import LOOKED_AT, get_event, list_events, list_takers, waiting_for

_EXPORTED = "id name key source source_id state created_at kept_until developer_id".split()
_TAKERS = "execution_id seq task step status created_at".split()


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Events that are kept, the newest first."""
    query, form, reads = request.GET, wanted_format(request), may(request, CONTENTS)
    wanted = {
        "developer": text_of(query, "developer"),
        "name": text_of(query, "name"),
        # Whoever may not read what events hold does not learn it by looking for it.
        "key": text_of(query, "key", 255) if reads else "",
        "state": choice_of(query, "state", EventState.values),
        "source": choice_of(query, "source", EventSource.values),
    }
    size = FILE if form else PAGE
    found, has_more = split(list_events(wanted, after=read_id(query.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED if reads or name != "key"} for row in found]
        return as_file(form, "events", exported, following=following)
    context: dict[str, Any] = {"events": [_led(row) for row in found], "following": following, "wanted": wanted}
    context |= {"states": EventState.values, "sources": EventSource.values, "looked_at": LOOKED_AT}
    return page(request, "events/list.html", "Events", **context)


@needs(VIEW)
def show(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """One of them, and the runs that went on with it."""
    event, form = get_event(event_id), wanted_format(request)
    if event is None:
        raise Http404("There is no such event")
    size = FILE if form else PAGE
    listed = list_takers(event_id, after=read_id(request.GET.get("after")), limit=size + 1)
    found, has_more = split(listed, size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _TAKERS} for row in found]
        return as_file(form, f"event-{event_id}", exported, following=following)
    if not may(request, CONTENTS):
        del event["data"]
    context = {"event": _led(event), "takers": found, "following": following, "waits": waiting_for(event)}
    return page(request, "events/page.html", event["name"], **context)


def _led(event: dict[str, Any]) -> dict[str, Any]:
    """With the id of the hook or the run that recorded it; of a client there is a name only."""
    return {**event, "recorder": uuid_of(event["source_id"]) if event["source"] != EventSource.CLIENT else None}
