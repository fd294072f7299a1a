"""Schedules: the list of them, and what became of the times of one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents.models import Developer
from executions.schedules.models import ScheduleState
from executions.schedules.services import pause_schedule, resume_schedule, run_schedule
from julep_project.console.acts import act, back, do_once, told
from julep_project.console.address import page_behind
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.triggers.schedules import get_schedule, list_occurrences, list_schedules

_EXPORTED = (
    "id name state developer_id task_id session_id times zone next_nominal failures paused_reason created_at".split()
)
_LONGEST_REASON = 500


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Schedules, the newest first; with a state, those that stand so."""
    form, state = wanted_format(request), request.GET.get("state") or None
    if state is not None and state not in ScheduleState.values:
        raise BadRequest("There is no such state")
    size = FILE if form else PAGE
    found, has_more = split(list_schedules(state=state, after=read_id(request.GET.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "schedules", exported, following=following)
    context = {"schedules": found, "following": following, "states": ScheduleState.values, "chosen": state}
    return page(request, "schedules/list.html", "Schedules", **context)


@needs(VIEW)
def show(request: HttpRequest, schedule_id: UUID) -> HttpResponse:
    """What it says, and what became of its newest times."""
    schedule, form = _found(schedule_id), wanted_format(request)
    occurrences = list_occurrences(schedule_id, FILE if form else PAGE)
    if form:
        return as_file(form, f"schedule-{schedule_id}", occurrences)
    return page(request, "schedules/page.html", schedule["name"], schedule=schedule, occurrences=occurrences)


def _found(schedule_id: UUID) -> dict[str, Any]:
    found = get_schedule(schedule_id)
    if found is None:
        raise Http404("There is no such schedule")
    return found


def _of(schedule_id: UUID) -> dict[str, Any]:
    """Whose it is, as services take it."""
    developer = Developer.objects.get(pk=_found(schedule_id)["developer_id"])
    return {"developer": developer, "schedule_id": schedule_id}


def _back(request: HttpRequest, schedule_id: UUID) -> HttpResponse:
    return back(request, reverse("admin:console_schedule", args=[schedule_id]))


@act()
def pause(request: HttpRequest, schedule_id: UUID) -> HttpResponse:
    """Let it fire no more."""
    with told(request, "It is paused; what it has begun goes on"):
        pause_schedule(**_of(schedule_id), reason=request.POST.get("reason", "")[:_LONGEST_REASON])
    return _back(request, schedule_id)


@act()
def resume(request: HttpRequest, schedule_id: UUID) -> HttpResponse:
    """Let it fire again."""
    with told(request, "It fires again from now on"):
        resume_schedule(**_of(schedule_id))
    return _back(request, schedule_id)


@act()
def run(request: HttpRequest, schedule_id: UUID) -> HttpResponse:
    """Begin now what it begins."""
    meant = _of(schedule_id)
    if do_once(request, meant["developer"].pk, lambda: run_schedule(**meant)) is not None:
        messages.success(request, "What became of it is in the list")
    return _back(request, schedule_id)
