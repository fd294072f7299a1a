"""One call of a hook: what came, what became of it, and why."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.models import Developer
from executions.hooks.models import CallStatus
from executions.hooks.receiving import replay_call
from julep_project.console.acts import Question, act, back, is_first
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, OPERATE, VIEW, may, needs
from julep_project.console.queries.triggers.hooks import get_call
from julep_project.core.errors import DomainError

_EXPORTED = "id hook_id status reason http_status repeats began began_id size replay_of created_at".split()


@needs(VIEW)
def show(request: HttpRequest, hook_call_id: UUID) -> HttpResponse:
    """What of it is kept, without what may open something."""
    call, reads = _found(hook_call_id), may(request, CONTENTS)
    if form := wanted_format(request):
        names = (*_EXPORTED, "known_by", "request") if reads else _EXPORTED
        return as_file(form, f"hook-call-{hook_call_id}", [{name: call[name] for name in names}])
    context = {"call": call, "sent": call["request"] if reads else {}, "questions": _questions(request, call)}
    return page(request, "hooks/call.html", "Call of a hook", **context)


def _questions(request: HttpRequest, call: Mapping[str, Any]) -> list[Question]:
    is_kept = call["is_whole"] and call["status"] not in (CallStatus.REFUSED, CallStatus.ANSWERED)
    if not may(request, OPERATE) or not is_kept:
        return []
    again = "It is taken as the hook is now."
    if call["began_id"]:
        again += " What it began then stays, and the same is begun once more, with all that it does outside of here."
    else:
        again += " Its sender may still repeat it: both together begin one thing."
    return [
        Question(
            "replay",
            reverse("admin:console_hook_call_replay", args=[call["id"]]),
            "Take it again…",
            "Take the call again",
            again,
            "Take it again",
            curl=("POST", f"/hooks/{call['hook_id']}/calls/{call['id']}/replay", ""),
            is_danger=call["began_id"] is not None,
        )
    ]


def _found(call_id: UUID) -> dict[str, Any]:
    found = get_call(call_id)
    if found is None:
        raise Http404("There is no such call")
    return found


@act()
def replay(request: HttpRequest, hook_call_id: UUID) -> HttpResponse:
    """Take it again: to what became of it."""
    call = _found(hook_call_id)
    owner = Developer.objects.get(pk=call["developer_id"])
    with transaction.atomic():
        is_new = is_first(request, owner.pk)
    if not is_new:
        return back(request, reverse("admin:console_hook_call", args=[hook_call_id]))
    try:
        again = replay_call(owner, call["hook_id"], hook_call_id)
    except DomainError as error:
        messages.error(request, f"Nothing was begun: {error.explanation}")
        return back(request, reverse("admin:console_hook_call", args=[hook_call_id]))
    messages.success(request, "It was taken again; this is what became of it")
    return HttpResponseRedirect(reverse("admin:console_hook_call", args=[again.pk]))
