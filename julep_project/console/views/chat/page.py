"""Conversations."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

from julep_project.console.address import page_behind
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.chats import SEARCHED, get_session, list_entries, list_sessions, text_of

_ENTRIES = 200
_LONGEST = 255
_FILTERS = ("agent", "user", "text")
_EXPORTED = ("id", "created_at", "updated_at", "entry_count", "agents", "users", "developer_id")


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Sessions, the newest first."""
    wanted = {name: request.GET.get(name, "").strip().replace("\0", "")[:_LONGEST] for name in _FILTERS}
    if not may(request, CONTENTS):
        # Whoever may not read what was said does not learn it by looking for it.
        wanted["text"] = ""
    form = wanted_format(request)
    size = FILE if form else PAGE
    found, has_more = split(list_sessions(wanted, after=read_id(request.GET.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "chats", exported, following=following)
    return page(
        request, "chat/list.html", "Chats", sessions=found, wanted=wanted, following=following, searched=SEARCHED
    )


@needs(VIEW)
def show(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What was said, in its order."""
    session = get_session(session_id)
    if session is None:
        raise Http404("There is no such session")
    after = request.GET.get("after", "0")
    if not after.isdecimal() or len(after) > 15:
        raise BadRequest("The place in the list is not valid")
    found, has_more = split(list_entries(session_id, after=int(after), limit=_ENTRIES + 1), _ENTRIES)
    following = page_behind(request, found[-1]["seq"]) if has_more else None
    entries = [_shown(entry, reads=may(request, CONTENTS)) for entry in found]
    if form := wanted_format(request):
        return as_file(form, f"chat-{session_id}", entries, following=following)
    return page(request, "chat/page.html", "Chat", session=session, entries=entries, following=following)


def _shown(entry: Mapping[str, Any], *, reads: bool) -> dict[str, Any]:
    told = {name: part for name, part in entry.items() if name not in ("content", "tool_calls")}
    calls = entry["tool_calls"] or []
    if not reads:
        return {**told, "calls": len(calls)}
    return {**told, "calls": len(calls), "text": text_of(entry["content"]), "tool_calls": calls}
