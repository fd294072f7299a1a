"""Policies: what may not decide about dangerous calls of an agent, and which calls that holds."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from julep_project.console.address import choice_of, page_behind, text_of
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.tools.policies import (
    KINDS,
    MOST_HELD,
    get_agent,
    list_agents,
    list_decisions,
    list_held_in_chats,
    list_tools,
    list_warned,
)
from julep_project.console.queries.waits import list_waits

_EXPORTED = "id name kind tainted allow tools dangerous asked_about developer_id".split()
_TOOLS = "id name type effect is_said is_dangerous is_allowed approval".split()


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Agents with their policies, the newest first."""
    query, form = request.GET, wanted_format(request)
    wanted = {
        "kind": choice_of(query, "kind", KINDS),
        "name": text_of(query, "name"),
        "developer": text_of(query, "developer"),
    }
    size = FILE if form else PAGE
    found, has_more = split(list_agents(**wanted, after=read_id(query.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "policies", exported, following=following)
    context: dict[str, Any] = {"agents": found, "following": following, "wanted": wanted, "kinds": KINDS}
    return page(request, "policies/list.html", "Policies", **context, is_narrowed=any(wanted.values()))


@needs(VIEW)
def show(request: HttpRequest, agent_id: UUID) -> HttpResponse:
    """The policy of one of them, and all that it decides about."""
    agent = get_agent(agent_id)
    if agent is None:
        raise Http404("There is no such agent")
    tools = list_tools(agent)
    if form := wanted_format(request):
        return as_file(form, f"policy-{agent_id}", [{name: row[name] for name in _TOOLS} for row in tools])
    held = list_waits(kind="approval", after=None, limit=MOST_HELD, agent=agent_id)
    context: dict[str, Any] = {
        "agent": agent,
        "tools": tools,
        "tasks": list_warned(agent),
        "held": held,
        "held_in_chats": list_held_in_chats(agent),
        "decisions": list_decisions(agent),
    }
    return page(request, "policies/page.html", f"Policy of {agent['name']}", **context)
