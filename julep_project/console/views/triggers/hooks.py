"""Hooks: the list of them, and the calls that one received."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents.models import Developer
from executions.hooks.api import url_of
from executions.hooks.models import CallStatus, Scheme, Target
from executions.hooks.services import change_hook, rotate_token
from executions.hooks.services import rotate_secret as replace_secret
from julep_project.console.acts import Question, act, back, do_once, told
from julep_project.console.address import choice_of, moment_of, page_behind, text_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, Place, read_id, read_place, split
from julep_project.console.page import page
from julep_project.console.permissions import ADMINISTER, CONTENTS, OPERATE, VIEW, may, needs
from julep_project.console.queries.triggers.hooks import (
    LOOKED_AT,
    MOST_COUNTED,
    STATES,
    get_hook,
    list_calls,
    list_hooks,
)
from julep_project.console.views.once import OVERLAP_FIELDS, OVERLAPS, new_secret_shown, overlap_of, shown_once

_EXPORTED = "id name state target task_id scheme last_at last_status calls in_vain developer_id created_at".split()
_CALLS = "id status reason http_status known_by repeats began began_id size replay_of created_at".split()


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Hooks, the newest first."""
    query, form = request.GET, wanted_format(request)
    wanted = {
        "state": choice_of(query, "state", STATES),
        "target": choice_of(query, "target", Target.values),
        "developer": text_of(query, "developer"),
    }
    size = FILE if form else PAGE
    found, has_more = split(list_hooks(**wanted, after=read_id(query.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "hooks", exported, following=following)
    context = {"hooks": found, "following": following, "wanted": wanted, "states": STATES, "targets": Target.values}
    return page(request, "hooks/list.html", "Hooks", most=MOST_COUNTED, **context)


@needs(VIEW)
def show(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    """One of them, with its calls."""
    hook, query, form = _found(hook_id), request.GET, wanted_format(request)
    wanted: dict[str, Any] = {
        "status": choice_of(query, "status", CallStatus.values),
        "since": moment_of(query, "since"),
        "until": moment_of(query, "until"),
    }
    size = FILE if form else PAGE
    found, has_more = split(list_calls(hook_id, **wanted, after=read_place(query.get("after")), limit=size + 1), size)
    following = page_behind(request, Place(found[-1]["created_at"], found[-1]["id"]).token()) if has_more else None
    if form:
        names = _CALLS if may(request, CONTENTS) else [name for name in _CALLS if name != "known_by"]
        exported = [{name: row[name] for name in names} for row in found]
        return as_file(form, f"hook-{hook_id}", exported, following=following)
    context: dict[str, Any] = {
        "hook": hook,
        "calls": found,
        "following": following,
        "wanted": wanted,
        "looked_at": LOOKED_AT,
    }
    context |= {"statuses": CallStatus.values, "questions": _questions(request, hook), "overlaps": OVERLAPS}
    return page(request, "hooks/page.html", hook["name"], **context)


def _questions(request: HttpRequest, hook: Mapping[str, Any]) -> list[Question]:
    if not may(request, OPERATE):
        return []
    names = ["resume" if hook["paused"] else "pause"]
    if may(request, ADMINISTER):
        names += ["rotate", *(["rotate_secret"] if hook["scheme"] != Scheme.NONE else [])]
    urls = {name: reverse(f"admin:console_hook_{name}", args=[hook["id"]]) for name in names}
    api = f"/hooks/{hook['id']}"
    return [Question(id=name, url=url, of=hook["name"], **_ASKED[name](api)) for name, url in urls.items()]


_ASKED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "pause": lambda api: {
        "button": "Pause…",
        "title": "Pause",
        "told": "Its calls are answered with 503, so that their senders try again, and begin nothing.",
        "yes": "Pause it",
        "no": "Leave it open",
        "curl": ("PATCH", api, '{"paused": true}'),
    },
    "resume": lambda api: {
        "button": "Resume…",
        "title": "Resume",
        "told": "Its calls are taken again. Those that came meanwhile are in the list, and can be taken again by hand.",
        "yes": "Resume it",
        "no": "Leave it paused",
        "curl": ("PATCH", api, '{"paused": false}'),
    },
    "rotate": lambda api: {
        "button": "New address…",
        "title": "Give a new address to",
        "told": "It is shown once, on the next page. By the one before nobody reaches the hook any more: whoever calls "
        "it has to be given the new one at once.",
        "yes": "Give it a new address",
        "curl": ("POST", f"{api}/rotate", ""),
        "is_danger": True,
    },
    "rotate_secret": lambda api: {
        "button": "New secret…",
        "title": "Have calls signed with a new secret:",
        "told": "It is made here and shown once, on the next page. Whoever calls the hook has to be given it. A secret "
        "of the developer's that was named for the hook stays.",
        "yes": "Give it a new secret",
        "curl": ("POST", f"{api}/rotate_secret", '{"overlap_seconds": 86400}'),
        "fields": OVERLAP_FIELDS,
    },
}


def _found(hook_id: UUID) -> dict[str, Any]:
    found = get_hook(hook_id)
    if found is None:
        raise Http404("There is no such hook")
    return found


def _owner(hook_id: UUID) -> Developer:
    return Developer.objects.get(pk=_found(hook_id)["developer_id"])


def _back(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    return back(request, reverse("admin:console_hook", args=[hook_id]))


@act()
def pause(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    """Let its calls begin nothing."""
    with told(request, "It is paused: its calls are answered with 503"):
        change_hook(_owner(hook_id), hook_id, {"paused": True})
    return _back(request, hook_id)


@act()
def resume(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    """Take its calls again."""
    with told(request, "Its calls are taken again"):
        change_hook(_owner(hook_id), hook_id, {"paused": False})
    return _back(request, hook_id)


@act(ADMINISTER)
def rotate(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    """Give it another address, which the answer alone has."""
    owner = _owner(hook_id)
    made = do_once(request, owner.pk, lambda: rotate_token(owner, hook_id))
    if made is None:
        return _back(request, hook_id)
    leads_to = reverse("admin:console_hook", args=[hook_id])
    return shown_once(request, "The new address", url_of(request, made.token), "The hook is reached by it.", leads_to)


@act(ADMINISTER)
def rotate_secret(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    """Have its calls signed with another secret, which the answer alone has."""
    owner, overlap = _owner(hook_id), overlap_of(request)
    made = do_once(request, owner.pk, lambda: replace_secret(owner, hook_id, overlap_s=int(overlap)))
    if made is None:
        return _back(request, hook_id)
    leads_to = reverse("admin:console_hook", args=[hook_id])
    return new_secret_shown(request, made[1] or "", "Calls of the hook are signed with it.", overlap, leads_to)
