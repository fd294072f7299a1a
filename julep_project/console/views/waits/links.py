"""Links by which somebody without an account answers a wait: made and taken back on its page."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.models import Developer
from executions.links import services
from executions.links.api import url_of
from julep_project.console.acts import act, do_once, told
from julep_project.console.page import page
from julep_project.console.queries.waits import find_wait

_DAYS = {"1": 86_400, "7": 7 * 86_400, "30": 30 * 86_400}
_LONGEST_NAME = 200
_MOST_SHOWN = 100


def links_of(wait: Mapping[str, Any]) -> list[Any]:
    """Links to a wait, the newest first."""
    developer = Developer.objects.get(pk=wait["developer_id"])
    return list(services.list_links(developer, wait["execution_id"], wait["wait_id"])[:_MOST_SHOWN])


@act()
def make(request: HttpRequest, wait_id: UUID) -> HttpResponse:
    """A new link, shown this once."""
    wait = find_wait(wait_id)
    own = reverse("admin:console_wait", args=[wait_id])
    if wait is None:
        return HttpResponseRedirect(own)
    name, days = request.POST.get("answers_as", "").strip(), request.POST.get("days", "7")
    if len(name) > _LONGEST_NAME or days not in _DAYS:
        raise BadRequest("There is no such link")
    wanted = {
        "developer": Developer.objects.get(pk=wait["developer_id"]),
        "execution_id": wait["execution_id"],
        "wait_id": wait_id,
        "answers_as": name,
        "expires_in": _DAYS[days],
    }
    done = do_once(request, wait["developer_id"], lambda: services.make_link(**wanted))
    if done is None:
        return HttpResponseRedirect(own)
    link, token = done
    made = page(request, "waits/link_made.html", "Link to answer by", link=link, url=url_of(request, token), back=own)
    made.headers["Cache-Control"] = "no-store"
    return made


@act()
def revoke(request: HttpRequest, wait_id: UUID, link_id: UUID) -> HttpResponse:
    """Nobody answers by the link any more."""
    wait = find_wait(wait_id)
    if wait is not None:
        developer = Developer.objects.get(pk=wait["developer_id"])
        run_id = wait["execution_id"]
        with told(request, "The link opens nothing any more"):
            services.revoke_link(developer=developer, execution_id=run_id, wait_id=wait_id, link_id=link_id)
    return HttpResponseRedirect(reverse("admin:console_wait", args=[wait_id]))
