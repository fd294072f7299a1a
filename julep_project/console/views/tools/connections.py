"""Connections: who is signed in where, and until when."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.connections.models import ConnectionStatus
from agents.connections.services import revoke_connection
from agents.models import Developer
from julep_project.console.acts import Question, act, told
from julep_project.console.address import choice_of, id_of, page_behind, text_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import OPERATE, VIEW, may, needs
from julep_project.console.queries.tools.connections import get_connection, list_connections

_EXPORTED = (
    "id status provider provider_id kind user_id scopes connected_at token_until refreshed_at problem developer_id "
    "created_at"
).split()


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Connections, the newest first."""
    query, form = request.GET, wanted_format(request)
    wanted = {
        "status": choice_of(query, "status", ConnectionStatus.values),
        "provider": text_of(query, "provider"),
        "user": id_of(query, "user"),
        "developer": text_of(query, "developer"),
    }
    size = FILE if form else PAGE
    found, has_more = split(list_connections(wanted, after=read_id(query.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "connections", exported, following=following)
    context: dict[str, Any] = {"connections": found, "following": following, "wanted": wanted}
    context |= {"statuses": ConnectionStatus.values, "is_narrowed": any(wanted.values())}
    return page(request, "connections/list.html", "Connections", **context)


@needs(VIEW)
def show(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """One of them."""
    connection = _found(connection_id)
    if form := wanted_format(request):
        return as_file(form, f"connection-{connection_id}", [{name: connection[name] for name in _EXPORTED}])
    return page(
        request,
        "connections/page.html",
        "Connection",
        connection=connection,
        questions=_questions(request, connection),
    )


def _questions(request: HttpRequest, connection: Mapping[str, Any]) -> list[Question]:
    if not may(request, OPERATE):
        return []
    return [
        Question(
            "revoke",
            reverse("admin:console_connection_revoke", args=[connection["id"]]),
            "Revoke…",
            "Revoke the connection to",
            "Calls may not use it any more, and the service is asked to forget its tokens. A call that needs it waits "
            "until somebody has signed in again.",
            "Revoke it",
            no="Leave it",
            of=connection["provider"],
            curl=("DELETE", f"/connections/{connection['id']}", ""),
            is_danger=True,
        )
    ]


def _found(connection_id: UUID) -> dict[str, Any]:
    found = get_connection(connection_id)
    if found is None:
        raise Http404("There is no such connection")
    return found


@act()
def revoke(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Let no call use it any more."""
    owner = Developer.objects.get(pk=_found(connection_id)["developer_id"])
    with told(request, "It is revoked here; the log says if the service could not be told"):
        revoke_connection(owner, connection_id)
    return HttpResponseRedirect(reverse("admin:console_connections"))
