"""Asks servers for their tools, and keeps what each was when it was accepted.

What a server says later changes nothing of that: a tool that it describes otherwise is not used until somebody has
accepted what it is now.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.connections.calling import token_for_listing
from agents.connections.models import Connection, ConnectionStatus
from agents.connections.services import when_settled
from agents.mcp.models import McpServer, McpTool, ToolState
from agents.mcp.selectors import ALL, chosen_in_vain, definition_of, get_mcp_tool, get_server
from agents.models import Developer, Tool
from agents.tool_types import ToolType
from agents.tools.body import canonical, spec_of
from agents.tools.errors import Delivery, ToolError
from agents.tools.mcp.client import list_tools
from agents.tools.mcp.listing import MOST_TOOLS, FoundTool, Listing, Marks
from agents.tools.mcp.server import Answer, Server, connection_of
from agents.tools.secrecy import hiding
from agents.tools.secret_names import filled, names_of
from agents.tools.secret_values import opened
from agents.vault.masking import Masker
from julep_project.core.clock import DatabaseNow
from julep_project.core.database import give_connection_back
from julep_project.core.errors import Conflict, DomainError
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import system_scope, tenant_scope

log = logging.getLogger(__name__)

# How long one server, and all those that a task defines, are waited for.
LISTING_S = 10.0
TOGETHER_S = 15.0
MOST_DEFINED = 10
# When somebody has signed in; and of different developers in one go of the upkeep.
_MOST_ASKED_AGAIN, _MOST_AT_ONCE = 3, 6
# Who asked at about that time may not have seen it.
_MARGIN = timedelta(minutes=1)
_LONGEST_PLACE = 255
_MOST_TOLD = 20
# What a server warns of in the annotations of a tool.
_WARNING = "destructiveHint"
_LONGEST_INFO = 10_000


def pin_stored(tool: Tool) -> None:
    """Ask the server of a tool that was just made or changed; nothing if it is of another kind. A server that it did
    not name before is accepted as it is: its author has just chosen it."""
    if tool.type != ToolType.MCP:
        McpServer.objects.filter(tool_id=tool.pk).delete()
        return
    assert tool.agent_id is not None
    _pin(tool.developer, tool.agent_id, _body_of(tool), tool, whole_s=LISTING_S)


def doubts_about(tool: Tool) -> list[dict[str, Json]]:
    """What its author should know of the server of a tool that was just made or changed."""
    if tool.type != ToolType.MCP:
        return []
    server = McpServer.objects.filter(tool_id=tool.pk).first()
    if server is None:
        return []
    about = {"location": ToolType.MCP.value, "severity": "warning", "type": "server", "details": {}}
    if server.problem:
        told = "the server could not be asked for its tools, so that it has none; refresh the tool when it can: "
        return [{**about, "message": told + server.problem}]
    names = chosen_in_vain(tool.spec, set(server.tools.values_list("name", flat=True)))
    return [{**about, "message": f"the server has no tool {name!r}"} for name in names[:_MOST_TOLD]]


def pin_defined(developer: Developer, agent_id: UUID, tools: Sequence[Mapping[str, Json]]) -> None:
    """Ask the servers of tools that a task defines itself, but for those that are known already. Those that there is no
    time left for have this as their problem, and are asked when the task is changed."""
    wanted = {definition_of(tool): tool for tool in tools if tool.get("type") == ToolType.MCP}
    if not wanted:
        return
    listed = McpServer.objects.for_developer(developer).filter(
        agent_id=agent_id, tool=None, definition__in=wanted, listed_at__isnull=False
    )
    known = set(listed.values_list("definition", flat=True))
    ends_at = time.monotonic() + TOGETHER_S
    for key, tool in wanted.items():
        if key not in known:
            _pin(developer, agent_id, tool, None, whole_s=min(LISTING_S, ends_at - time.monotonic()))


def check_defined(tools: Sequence[Mapping[str, Json]]) -> None:
    """Return if so many servers may be asked.

    Raises:
        InvalidInput
    """
    if sum(tool.get("type") == ToolType.MCP for tool in tools) > MOST_DEFINED:
        raise invalid(["tools"], "value_error", msg=f"A task may define {MOST_DEFINED} tools of the type `mcp`")


def keep_first(server: McpServer, listing: Listing, answer: Answer) -> None:
    """What a server has that could not be asked before, unless somebody was quicker: it is accepted as it is.

    Raises:
        ToolError: there is no such server any more.
    """
    with transaction.atomic():
        row = McpServer.objects.select_for_update().filter(pk=server.pk).first()
        if row is None:
            told = f"the tool {server.name!r} was changed or removed while its server was asked"
            raise ToolError(told, retryable=True, delivery=Delivery.NOT_SENT)
        if row.listed_at is None:
            McpServer.objects.filter(pk=row.pk).update(updated_at=DatabaseNow(), problem="")
            _write(row, listing, answer, takes_new=True)


def refresh(developer: Developer, agent_id: UUID, tool_id: UUID) -> McpServer:
    """Ask the server of a stored tool again.

    Raises:
        NotFound, BadRequest: from `get_mcp_tool`.
    """
    tool = get_mcp_tool(developer, agent_id, tool_id)
    pin_stored(tool)
    record(developer.pk, Act(Verb.RING, ObjectKind.TOOL, tool.pk, tool.name))
    return get_server(developer, agent_id, tool_id)


def accept(developer: Developer, agent_id: UUID, tool_id: UUID, hashes: Mapping[str, str]) -> McpServer:
    """Accept tools as they are now, by their names; each hash is that of what was looked at.

    Raises:
        NotFound, BadRequest: from `get_server`. InvalidInput: the server has no such tool.
        Conflict: it is something else by now; nothing was accepted.
    """
    server = get_server(developer, agent_id, tool_id)
    with transaction.atomic():
        rows = {row.name: row for row in McpTool.objects.select_for_update().filter(server=server, name__in=hashes)}
        for place, (name, wanted) in enumerate(hashes.items()):
            row = rows.get(name)
            if row is None or row.state == ToolState.GONE:
                raise invalid(["tools", place, "name"], "value_error", msg="the server has no tool of this name")
            now = row.found or {"hash": row.hash}
            if now["hash"] != wanted:
                raise Conflict(f"The tool {name!r} is not what was looked at: its hash is {now['hash']}")
        for name in hashes:
            _accept(rows[name])
        tool = server.tool
        assert tool is not None
        accepted = {"accepted": dict(hashes)}
        record(developer.pk, Act(Verb.UPDATE, ObjectKind.TOOL, tool.pk, tool.name, after=accepted))
    return get_server(developer, agent_id, tool_id)


def _accept(row: McpTool) -> None:
    changes = dict(row.found or {})
    if changes and row.annotations.get(_WARNING) is True:
        changes["annotations"] = {**(changes.get("annotations") or {}), _WARNING: True}
    McpTool.objects.filter(pk=row.pk).update(updated_at=DatabaseNow(), state=ToolState.ACCEPTED, found=None, **changes)


def _body_of(tool: Tool) -> dict[str, Json]:
    return {"id": str(tool.pk), "name": tool.name, "type": tool.type, tool.type: tool.spec}


def _pin(developer: Developer, agent_id: UUID, body: Mapping[str, Json], tool: Tool | None, *, whole_s: float) -> None:
    """Ask, and write down what came of it."""
    listing: Listing | None = None
    answer: Answer | None = None
    problem = place = transport = ""
    try:
        values = opened(developer, names_of(body), agent_id)
        place = Server.of_spec(spec_of(body)).place[:_LONGEST_PLACE]
        with hiding(spec_of(body), values):
            server = Server.of_spec(spec_of(filled(body, values)))
            transport, hidden = server.transport, Masker.of_secrets(values)
            if connection_of(spec_of(body)) is not None:
                server, hidden = _signed(developer, body, server, hidden)
            give_connection_back()
            listing, answer = list_tools(server, whole_s=whole_s, hidden=hidden)
    except (ToolError, DomainError, ValueError) as error:
        problem = str(getattr(error, "message", error))[:1000]
        log.info("server was not listed", extra={"action": "mcp_not_listed", "tool": body.get("name")})
    told = {"place": place, "transport": transport, "name": body["name"], "problem": problem}
    with transaction.atomic():
        if tool is not None and not _is_still(tool, body):
            return
        row = _locked_row(developer, agent_id, body, tool, told)
        if listing is not None and answer is not None:
            _write(row, listing, answer, takes_new=spec_of(body).get("tools", ALL) == ALL)


def _signed(developer: Developer, body: Mapping[str, Json], server: Server, hidden: Masker) -> tuple[Server, Masker]:
    """The server for somebody who is signed in there.

    Raises:
        ToolError: nobody is.
    """
    given = connection_of(spec_of(body))
    named = str(given.get("provider") or "") if isinstance(given, Mapping) else ""
    token = token_for_listing(developer, named, server.url)
    return server.signed(token), hidden.and_secret("connection", token)


@when_settled
def ask_again(connection: Connection) -> None:
    """Ask servers for their tools that could not be asked before somebody had signed in: some, for whoever has waits
    for that. `ask_others` asks the others."""
    if connection.status == ConnectionStatus.CONNECTED:
        mine = _to_be_asked().filter(developer=connection.developer_id)
        for row in mine.order_by("updated_at", "id")[:_MOST_ASKED_AGAIN]:
            _ask_again(row)


@system_scope()
def ask_others() -> int:
    """Ask some of those that were not asked since somebody of their developer has signed in, of each developer one, and
    first who waits longest; how many."""
    firsts = _to_be_asked().order_by("developer_id", "updated_at", "id").distinct("developer_id")
    rows = McpServer.objects.filter(pk__in=firsts.values("pk")).select_related("tool__developer")
    found = list(rows.order_by("updated_at", "id")[:_MOST_AT_ONCE])
    for row in found:
        with tenant_scope(row.developer_id):
            _ask_again(row)
    return len(found)


def _to_be_asked() -> "QuerySet[McpServer]":
    """Those that were not asked, to any end, since somebody has signed in."""
    since = OuterRef("updated_at") - _MARGIN
    signed_in = Connection.objects.filter(
        developer=OuterRef("developer"), status=ConnectionStatus.CONNECTED, connected_at__gt=since
    )
    waiting: QuerySet[McpServer] = McpServer.objects.filter(
        Exists(signed_in), listed_at=None, tool__spec__server__has_key="connection"
    )
    return waiting.select_related("tool__developer")


def _ask_again(row: McpServer) -> None:
    """Ask it, if it is that of a stored tool. One that breaks keeps no others from being asked."""
    if row.tool is None:
        return
    try:
        pin_stored(row.tool)
    except Exception:
        log.exception("server could not be asked again", extra={"tool_id": str(row.tool_id)})
        McpServer.objects.filter(pk=row.pk).update(updated_at=DatabaseNow())


def _is_still(tool: Tool, body: Mapping[str, Json]) -> bool:
    """Whether the tool is there and names the server that was asked; it is locked. Whoever put another one into it
    asks that."""
    now = Tool.objects.select_for_update().filter(pk=tool.pk, type=ToolType.MCP).first()
    return now is not None and definition_of(_body_of(now)) == definition_of(body)


def _locked_row(
    developer: Developer, agent_id: UUID, body: Mapping[str, Json], tool: Tool | None, told: Mapping[str, Any]
) -> McpServer:
    """The row, made if there is none; one of another server than the tool names now is made anew."""
    definition = definition_of(body)
    by = {"tool": tool} if tool is not None else {"tool": None, "agent_id": agent_id, "definition": definition}
    if tool is not None:
        McpServer.objects.filter(tool=tool).exclude(definition=definition).delete()
    made = {**told, "developer": developer, "agent_id": agent_id, "definition": definition}
    row, is_new = McpServer.objects.get_or_create(**by, defaults=made)
    locked: McpServer = McpServer.objects.select_for_update().get(pk=row.pk)
    if not is_new:
        McpServer.objects.filter(pk=row.pk).update(updated_at=DatabaseNow(), **told)
    return locked


def _write(row: McpServer, listing: Listing, answer: Answer, *, takes_new: bool) -> None:
    is_first = row.listed_at is None
    known = {tool.name: tool for tool in McpTool.objects.filter(server=row)}
    marks = Marks((tool.name, tool.mark) for tool in known.values())
    for found in listing.tools:
        if found.name in known:
            _compare(known.pop(found.name), found)
        else:
            state = ToolState.ACCEPTED if is_first or takes_new else ToolState.NEW
            mark = marks.give(row.name, found.name, is_unsure=row.has_forgotten)
            told = {"name": found.name, "mark": mark, "state": state, **_columns(found)}
            McpTool.objects.create(developer_id=row.developer_id, server=row, **told)
    gone = McpTool.objects.filter(pk__in=[tool.pk for tool in known.values()])
    # One that comes back as it was accepted is accepted again, so that nothing else may be remembered as accepted.
    gone.filter(state=ToolState.NEW).delete()
    gone.update(updated_at=DatabaseNow(), state=ToolState.GONE)
    # Of these a server may make any number, with other names each time. What was accepted first is kept, so that none
    # that somebody looked at is forgotten for them.
    all_gone = McpTool.objects.filter(server=row, state=ToolState.GONE)
    forgotten, _ = McpTool.objects.filter(pk__in=all_gone.order_by("pk").values("pk")[MOST_TOOLS:]).delete()
    McpServer.objects.filter(pk=row.pk).update(
        has_forgotten=row.has_forgotten or bool(forgotten),
        listed_at=DatabaseNow(),
        protocol=answer.protocol[:32],
        server_info=answer.server_info if len(canonical(answer.server_info)) <= _LONGEST_INFO else {},
        left_out=list(listing.left_out),
    )


def _compare(row: McpTool, found: FoundTool) -> None:
    """What the server says of a tool that is known. One that was never accepted is what it says last."""
    rows = McpTool.objects.filter(pk=row.pk)
    if row.state == ToolState.NEW:
        rows.update(updated_at=DatabaseNow(), **_columns(found))
    elif found.hash == row.hash:
        # A warning counts at once; that it is taken back does not, since nobody is shown it.
        warned = {"annotations": {**row.annotations, _WARNING: True}} if found.annotations.get(_WARNING) is True else {}
        rows.update(updated_at=DatabaseNow(), state=ToolState.ACCEPTED, found=None, **warned)
    else:
        rows.update(updated_at=DatabaseNow(), state=ToolState.CHANGED, found=_columns(found))


def _columns(found: FoundTool) -> dict[str, Any]:
    return {
        "description": found.description,
        "input_schema": found.input_schema,
        "output_schema": found.output_schema,
        "annotations": found.annotations,
        "hash": found.hash,
    }
