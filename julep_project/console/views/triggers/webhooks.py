"""Webhooks: the list of them, and what was and is on its way to one."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents.models import Developer
from agents.webhooks.models import ENDED, NOT_ARRIVED, DeliveryState
from agents.webhooks.replaying import MOST_AT_ONCE, Range, replay_range
from agents.webhooks.services import change_endpoint, rotate_secret, send_test
from agents.webhooks.types import TEXTS
from julep_project.console.acts import Question, act, back, do_once, told
from julep_project.console.address import choice_of, id_of, moment_of, page_behind, text_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, Place, read_id, read_place, split
from julep_project.console.page import page
from julep_project.console.permissions import ADMINISTER, OPERATE, VIEW, may, needs
from julep_project.console.queries.triggers.webhooks import (
    LOOKED_AT,
    LOST,
    MOST_COUNTED,
    STANDINGS,
    get_endpoint,
    list_deliveries,
    list_endpoints,
)
from julep_project.console.views.once import OVERLAP_FIELDS, OVERLAPS, new_secret_shown, overlap_of

_EXPORTED = (
    "id url state events failures failing_since disabled_reason waiting lost last_at last_state developer_id created_at"
).split()
_DELIVERIES = "id type state tries status error subject_id created_at ended_at".split()
_STATES = [*DeliveryState.values, LOST]
_TYPES = [each.value for each in TEXTS]


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Webhooks, the newest first."""
    form = wanted_format(request)
    wanted = {"state": choice_of(request.GET, "state", STANDINGS), "developer": text_of(request.GET, "developer")}
    size = FILE if form else PAGE
    listed = list_endpoints(**wanted, after=read_id(request.GET.get("after")), limit=size + 1)
    found, has_more = split(listed, size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "webhooks", exported, following=following)
    context = {"endpoints": found, "following": following, "wanted": wanted, "standings": STANDINGS}
    return page(request, "webhooks/list.html", "Webhooks", most=MOST_COUNTED, **context)


@needs(VIEW)
def show(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """One of them, with the log of its deliveries."""
    endpoint, form = _found(endpoint_id), wanted_format(request)
    wanted = _wanted(request)
    size = FILE if form else PAGE
    listed = list_deliveries(endpoint_id, wanted, after=read_place(request.GET.get("after")), limit=size + 1)
    found, has_more = split(listed, size)
    following = page_behind(request, Place(found[-1]["created_at"], found[-1]["id"]).token()) if has_more else None
    if form:
        exported = [{name: row[name] for name in _DELIVERIES} for row in found]
        return as_file(form, f"webhook-{endpoint_id}", exported, following=following)
    context: dict[str, Any] = {"endpoint": endpoint, "deliveries": found, "following": following, "wanted": wanted}
    context |= {"states": _STATES, "types": _TYPES, "looked_at": LOOKED_AT, "most": MOST_COUNTED}
    context |= {"ended": ENDED, "not_arrived": NOT_ARRIVED, "overlaps": OVERLAPS}
    return page(request, "webhooks/page.html", "Webhook", questions=_questions(request, endpoint), **context)


def _wanted(request: HttpRequest) -> dict[str, Any]:
    query = request.GET
    return {
        "state": choice_of(query, "state", _STATES),
        "type": choice_of(query, "type", _TYPES),
        "subject": id_of(query, "subject"),
        "since": moment_of(query, "since"),
        "until": moment_of(query, "until"),
    }


def _questions(request: HttpRequest, endpoint: Mapping[str, Any]) -> list[Question]:
    if not may(request, OPERATE):
        return []
    api, names = f"/webhooks/{endpoint['id']}", ("test", "replay", "disable") if endpoint["enabled"] else ("enable",)
    if may(request, ADMINISTER):
        names = (*names, "rotate")
    urls = {name: reverse(f"admin:console_webhook_{name}", args=[endpoint["id"]]) for name in names}
    return [Question(id=name, url=url, **_ASKED[name](api)) for name, url in urls.items()]


_ASKED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "test": lambda api: {
        "button": "Test…",
        "title": "Send it a test",
        "told": "A message of the type webhook.test is sent to it at once, and to no other.",
        "yes": "Send it",
        "curl": ("POST", f"{api}/test", ""),
    },
    "replay": lambda api: {
        "button": "Send again…",
        "title": "Send again what did not arrive",
        "told": f"The oldest first and {MOST_AT_ONCE} at once, under the ids they had: receivers know them again. What "
        "has arrived is sent a second time, if it is chosen.",
        "yes": "Send them again",
        "curl": ("POST", f"{api}/replay", '{"states": ["failed", "dropped"], "since": "..."}'),
        "fields": "console/webhooks/replay_fields.html",
    },
    "disable": lambda api: {
        "button": "Disable…",
        "title": "Tell it nothing more",
        "told": "What happens from now on it is not told of, and what is on its way to it is dropped.",
        "yes": "Disable it",
        "no": "Leave it enabled",
        "curl": ("PATCH", api, '{"enabled": false}'),
        "is_danger": True,
    },
    "enable": lambda api: {
        "button": "Enable…",
        "title": "Enable it",
        "told": "It is told of what happens from now on, with no failures counted. What was dropped can be sent again.",
        "yes": "Enable it",
        "no": "Leave it disabled",
        "curl": ("PATCH", api, '{"enabled": true}'),
    },
    "rotate": lambda api: {
        "button": "New secret…",
        "title": "Give it a new secret",
        "told": "It is shown once, on the next page. Whoever receives its messages has to be given it.",
        "yes": "Give it a new secret",
        "curl": ("POST", f"{api}/rotate_secret", '{"overlap_seconds": 86400}'),
        "fields": OVERLAP_FIELDS,
    },
}


def _found(endpoint_id: UUID) -> dict[str, Any]:
    found = get_endpoint(endpoint_id)
    if found is None:
        raise Http404("There is no such webhook")
    return found


def _owner(endpoint_id: UUID) -> Developer:
    return Developer.objects.get(pk=_found(endpoint_id)["developer_id"])


def _back(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    return back(request, reverse("admin:console_webhook", args=[endpoint_id]))


@act()
def enable(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Tell it what happens."""
    with told(request, "It is told of what happens from now on"):
        change_endpoint(developer=_owner(endpoint_id), endpoint_id=endpoint_id, values={"enabled": True})
    return _back(request, endpoint_id)


@act()
def disable(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Tell it nothing more."""
    with told(request, "It is told nothing more"):
        change_endpoint(developer=_owner(endpoint_id), endpoint_id=endpoint_id, values={"enabled": False})
    return _back(request, endpoint_id)


@act()
def test(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """See whether messages arrive."""
    owner = _owner(endpoint_id)
    if do_once(request, owner.pk, lambda: send_test(owner, endpoint_id)) is not None:
        messages.success(request, "It is sent; what became of it is in the list")
    return _back(request, endpoint_id)


@act()
def replay(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Send again what ended in a range of time."""
    form = request.POST
    states = form.getlist("state")
    if not states or not set(states) <= set(ENDED):
        raise BadRequest("Say how those ended that are meant")
    meant = Range(states, moment_of(form, "since"), moment_of(form, "until"))
    owner = _owner(endpoint_id)
    done = do_once(request, owner.pk, lambda: replay_range(owner, endpoint_id, meant))
    if done is not None:
        replayed, is_more = done
        more = "; there are more: send again once these have gone" if is_more else ""
        messages.success(request, f"{replayed} are sent again{more}")
    return _back(request, endpoint_id)


@act(ADMINISTER)
def rotate(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Give it a new secret, which the answer alone has."""
    overlap = overlap_of(request)
    owner = _owner(endpoint_id)
    made = do_once(request, owner.pk, lambda: rotate_secret(owner, endpoint_id, overlap_s=int(overlap)))
    if made is None:
        return _back(request, endpoint_id)
    leads_to = reverse("admin:console_webhook", args=[endpoint_id])
    return new_secret_shown(request, made[1], "Messages of the webhook are signed with it.", overlap, leads_to)
