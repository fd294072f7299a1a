"""MCP servers: what each was found to have, and whether that may be used."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from agents.mcp.models import ToolState
from agents.mcp.pinning import accept as accept_tools
from agents.mcp.pinning import refresh as refresh_server
from agents.models import Developer
from agents.tools.mcp.listing import LONGEST_NAME, MOST_TOOLS, offered_name
from julep_project.console.acts import Question, act, back, told
from julep_project.console.address import choice_of, page_behind, text_of
from julep_project.console.difference import Line, canonical, difference
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.keyset import FILE, PAGE, read_id, split
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, OPERATE, VIEW, may, needs
from julep_project.console.queries.tools.servers import STATES, get_server, get_tool, list_servers, list_tools

_EXPORTED = (
    "id name place state transport protocol tools changed new_ones gone problem listed_at agent_id tool_id developer_id"
).split()
_TOOLS = "id name state hash found_hash updated_at".split()
_TO_ACCEPT = (ToolState.CHANGED, ToolState.NEW)
# Lines are compared as a whole and shown cut: what is longer is compared in parts, so that nothing of it stays unseen.
_LONGEST_LINE = 120


@needs(VIEW)
def listing(request: HttpRequest) -> HttpResponse:
    """Servers that tools name, the newest first."""
    query, form = request.GET, wanted_format(request)
    wanted = {"state": choice_of(query, "state", STATES), "developer": text_of(query, "developer")}
    size = FILE if form else PAGE
    found, has_more = split(list_servers(**wanted, after=read_id(query.get("after")), limit=size + 1), size)
    following = page_behind(request, found[-1]["id"]) if has_more else None
    if form:
        exported = [{name: row[name] for name in _EXPORTED} for row in found]
        return as_file(form, "mcp-servers", exported, following=following)
    context: dict[str, Any] = {"servers": found, "following": following, "wanted": wanted, "states": STATES}
    return page(request, "servers/list.html", "MCP servers", **context)


@needs(VIEW)
def show(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """One of them with its tools, and of the chosen tool what it is and was."""
    server, tools, form = _found(server_id), list_tools(server_id), wanted_format(request)
    if form:
        exported = [{name: row[name] for name in _TOOLS} for row in tools]
        return as_file(form, f"mcp-server-{server_id}", exported)
    doubtful = [row for row in tools if row["state"] in _TO_ACCEPT][:MOST_TOOLS]
    chosen = text_of(request.GET, "tool", LONGEST_NAME) or (doubtful[0]["name"] if doubtful else "")
    tool = get_tool(server_id, chosen) if chosen and may(request, CONTENTS) else None
    questions = _questions(request, server, doubtful)
    asked = {one.of: one for one in questions if one.is_in_row}
    context = {
        "server": server,
        "tools": [
            {
                **row,
                "offered_as": offered_name(server["name"], row["name"], row["mark"]),
                "question": asked.get(row["name"]),
            }
            for row in tools
        ],
        "chosen": chosen,
        "tool": tool,
        "question": asked.get(chosen),
        "parts": [] if tool is None else _parts(tool),
        "questions": questions,
    }
    return page(request, "servers/page.html", server["name"], **context)


def _parts(tool: Mapping[str, Any]) -> list[tuple[str, str, list[Line]]]:
    """What a tool is now, part by part, each with what differs from what was accepted."""
    names = {"description": "Description", "input_schema": "Input", "output_schema": "Output"}
    names["annotations"] = "What it says of its effects"
    now = tool["found"] or tool
    return [
        (title, canonical(now[name]) if now[name] is not None else "", _difference(tool[name], now[name]))
        for name, title in names.items()
    ]


def _difference(before: Any, after: Any) -> list[Line]:
    return difference(*("" if value is None else _in_parts(canonical(value)) for value in (before, after)))


def _in_parts(text: str) -> str:
    return "\n".join(
        line[start : start + _LONGEST_LINE]
        for line in text.splitlines()
        for start in range(0, max(len(line), 1), _LONGEST_LINE)
    )


def _questions(
    request: HttpRequest, server: Mapping[str, Any], doubtful: Sequence[Mapping[str, Any]]
) -> list[Question]:
    """Of the server of a stored tool: what a task defines itself changes with the task."""
    if not may(request, OPERATE) or server["tool_id"] is None:
        return []
    api = f"/agents/{server['agent_id']}/tools/{server['tool_id']}"
    found = [
        Question(
            "refresh",
            reverse("admin:console_server_refresh", args=[server["id"]]),
            "Ask again…",
            "Ask it for its tools again",
            "Tools that are otherwise than they were accepted are not used until somebody accepts them.",
            "Ask it",
            of=server["name"],
            curl=("POST", f"{api}/refresh", ""),
        )
    ]
    groups = [(f"accept-{place}", [row]) for place, row in enumerate(doubtful)]
    if len(doubtful) > 1:
        groups.append(("accept-all", list(doubtful)))
    return [*found, *(_accepting(name, server, some, api) for name, some in groups)]


def _accepting(name: str, server: Mapping[str, Any], tools: Sequence[Mapping[str, Any]], api: str) -> Question:
    is_one = len(tools) == 1
    looked_at = f'{{"tools": [{{"name": "...", "hash": "{tools[0]["now"]}"}}]}}'
    what = "It may be called, and models are shown it, as the server describes it now."
    return Question(
        name,
        reverse("admin:console_server_accept", args=[server["id"]]),
        "Accept…" if is_one else f"Accept all {len(tools)}…",
        "Accept" if is_one else f"Accept all {len(tools)} tools that are new or changed",
        what
        if is_one
        else "They may be called, and models are shown them, as the server describes them now: look at each first.",
        "Accept it" if is_one else "Accept them",
        no="Leave it out" if is_one else "Leave them out",
        of=tools[0]["name"] if is_one else "",
        curl=("POST", f"{api}/accept", looked_at),
        hidden=tuple((field, row[key]) for row in tools for field, key in (("name", "name"), ("hash", "now"))),
        is_danger=not is_one,
        is_in_row=is_one,
    )


def _found(server_id: UUID) -> dict[str, Any]:
    found = get_server(server_id)
    if found is None:
        raise Http404("There is no such server")
    return found


def _of(server_id: UUID) -> tuple[Developer, UUID, UUID]:
    """Whose it is, and the tool that names it, as services take it."""
    server = _found(server_id)
    if server["tool_id"] is None:
        raise BadRequest("The tool is one that a task defines itself")
    return Developer.objects.get(pk=server["developer_id"]), server["agent_id"], server["tool_id"]


def _back(request: HttpRequest, server_id: UUID) -> HttpResponse:
    return back(request, reverse("admin:console_server", args=[server_id]))


@act()
def refresh(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Ask it for its tools again."""
    asked = server_id
    with told(request, "It was asked; what came of it is below"):
        # Where the tool names another server by now, that is another row.
        asked = refresh_server(*_of(server_id)).pk
    return _back(request, asked)


@act()
def accept(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Accept tools as they were looked at."""
    names, hashes = request.POST.getlist("name"), request.POST.getlist("hash")
    if not names or len(names) != len(hashes) or len(names) > MOST_TOOLS:
        raise BadRequest("Each tool goes with the hash of what was looked at")
    with told(request, "Accepted"):
        accept_tools(*_of(server_id), dict(zip(names, hashes, strict=True)))
    return _back(request, server_id)
