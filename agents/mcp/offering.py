"""The tools of servers among the tools of an agent or a task: each body of the kind `mcp` is followed by one for each
tool its server has, named so that those of several servers are told apart."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q

from agents.mcp.models import McpServer, McpTool, ToolState
from agents.mcp.selectors import definition_of, is_chosen
from agents.tool_types import ToolType
from agents.tools.body import spec_of
from agents.tools.mcp.listing import may_be_offered_as, offered_name, server_of, shown_description, shown_schema
from agents.tools.mcp.server import SIGN_IN, connection_of
from agents.tools.presentation import NO_PARAMETERS
from julep_project.core.json_value import Json

Body = dict[str, Any]

# What a tool says of its calls that is not said of a sign-in.
_OF_CALLS = ("approval", "effect", "at_most_once", "rate")


def with_tools_of_servers(
    developer_id: UUID, agent_id: UUID | None, bodies: Sequence[Mapping[str, Json]], *, in_chat: bool = False
) -> list[Body]:
    """The bodies, and behind each of the kind `mcp` those of its server's tools. No query if there is none.

    Those that are not to be used are among them, so that a call is told why; no model is shown them.
    """
    wanted = [body for body in bodies if body.get("type") == ToolType.MCP]
    if not wanted:
        return [dict(body) for body in bodies]
    ids = [body["id"] for body in wanted if "id" in body]
    defined = [definition_of(body) for body in wanted if "id" not in body]
    rows = McpServer.objects.filter(developer_id=developer_id).filter(
        Q(tool_id__in=ids) | Q(tool=None, agent_id=agent_id, definition__in=defined)
    )
    shown = McpTool.objects.defer("output_schema", "found")
    found = list(rows.defer("server_info", "left_out").prefetch_related(Prefetch("tools", shown)))
    servers = {str(row.tool_id) if row.tool_id else row.definition: row for row in found}
    taken = {body.get("name") for body in bodies}
    names = [str(body["name"]) for body in wanted]
    return [each for body in bodies for each in _with_its_tools(body, servers, taken, names)]


def tools_of(server: Mapping[str, Json], bodies: Iterable[Body]) -> list[Body]:
    """The bodies of the tools of the server that a body stands for; none if it stands for a single tool."""
    spec = spec_of(server)
    if server.get("type") != ToolType.MCP or "of_tool" in spec or "server_id" not in spec:
        return []
    wanted = (spec["server_id"], server["name"])
    found = ((each, spec_of(each)) for each in bodies)
    return [each for each, its in found if (its.get("server_id"), its.get("of_tool")) == wanted]


def is_not_found_yet(body: Mapping[str, Json]) -> bool:
    """Whether it stands for a tool of a server of which nothing is known before somebody has signed in."""
    server, method = spec_of(body).get("of_tool"), spec_of(body).get("method")
    return method == SIGN_IN and server is not None and body["name"] != offered_name(str(server), SIGN_IN)


def not_found_yet(name: str, bodies: Sequence[Mapping[str, Json]]) -> Body | None:
    """What stands for the tool of this name: the call waits for the sign-in, and is then that of the tool. None if no
    server can have such a tool of which nothing is known yet."""
    mine = [(body, spec_of(body)) for body in bodies if body.get("type") == ToolType.MCP]
    server = server_of(name, (str(body["name"]) for body, spec in mine if "of_tool" not in spec))
    if server is None:
        return None
    for body, spec in mine:
        if spec.get("method") == SIGN_IN and "state" not in spec and spec.get("of_tool") == server:
            chosen = spec.get("tools")
            is_wanted = not isinstance(chosen, list) or may_be_offered_as(name, server, map(str, chosen))
            return {**body, "name": name} if is_wanted else None
    return None


def _with_its_tools(
    body: Mapping[str, Json], servers: Mapping[str, McpServer], taken: set[Json], names: Sequence[str]
) -> Iterator[Body]:
    """The body and those of its server's tools whose names are not `taken`; afterwards they are."""
    if body.get("type") != ToolType.MCP:
        yield dict(body)
        return
    server = servers.get(str(body["id"]) if "id" in body else definition_of(body))
    if server is None:
        yield dict(body)
        return
    spec = {**spec_of(body), "server_id": str(server.pk)}
    yield {**body, "mcp": spec}
    for name, tool in _named(str(body["name"]), server, names):
        if name not in taken and is_chosen(spec, tool.name):
            taken.add(name)
            its = {**spec, **_facts(tool), "of_tool": body["name"]}
            yield {**body, "mcp": its, "name": name, "description": _described(body, tool)}
    name = offered_name(str(body["name"]), SIGN_IN)
    if connection_of(spec) is not None and name not in taken:
        taken.add(name)
        yield _sign_in(body, spec, name, is_over=server.listed_at is not None)


def _sign_in(body: Mapping[str, Json], spec: Mapping[str, Json], name: str, *, is_over: bool) -> Body:
    """What models are offered as long as nobody has signed in, so that nothing is known of the server. When that
    `is_over`, a call of before still means it."""
    told = f"Nobody has signed in to {body['name']!r} yet, so that its tools are not known: call this to have it done."
    by_author = body.get("description")
    its = {**spec, "method": SIGN_IN, "parameters": dict(NO_PARAMETERS), "of_tool": body["name"]}
    return {
        **{key: value for key, value in body.items() if key not in _OF_CALLS},
        "mcp": {**its, "state": ToolState.GONE.value} if is_over else its,
        "name": name,
        "description": f"{by_author}\n\n{told}" if by_author else told,
    }


def _named(own: str, server: McpServer, names: Iterable[str]) -> list[tuple[str, McpTool]]:
    """The tools of a server by what they are offered by, in the order of their own names. None has a name that begins
    as those of another server's tools do: it would be theirs to take. Of two with one name it is that of the first."""
    others = tuple(f"{name}__" for name in names if name.startswith(f"{own}__"))
    found: dict[str, McpTool] = {}
    for tool in sorted(server.tools.all(), key=lambda each: each.pk):
        name = offered_name(own, tool.name, tool.mark)
        if not name.startswith(others):
            found.setdefault(name, tool)
    return sorted(found.items(), key=lambda each: each[1].name)


def _described(body: Mapping[str, Json], tool: McpTool) -> str:
    """What the author says of the server, and what the server says of its tool."""
    by_author, by_server = body.get("description"), shown_description(str(body["name"]), tool.description)
    return f"{by_author}\n\n{by_server}" if by_author else by_server


def _facts(tool: McpTool) -> Body:
    """What a call has to know: the tool's own name, and which of its versions was offered."""
    facts = {"name": tool.name, "parameters": shown_schema(tool.input_schema), "pin": tool.hash}
    if tool.annotations.get("destructiveHint") is True:
        facts["destructive"] = True
    return facts if tool.state == ToolState.ACCEPTED else {**facts, "state": tool.state}
