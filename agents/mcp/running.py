"""Runs tools of the kind `mcp`: a tool of a server, or one of the methods that every server has."""

from dataclasses import replace
from functools import partial
from typing import Any

from agents.mcp.models import McpServer, McpTool, ToolState
from agents.mcp.pinning import LISTING_S, keep_first
from agents.mcp.selectors import is_chosen
from agents.tools.errors import BadArguments, Delivery, NotYet, ToolError
from agents.tools.mcp.client import ask, list_tools
from agents.tools.mcp.listing import Listing, offered_name
from agents.tools.mcp.questions import heard, put, said_before
from agents.tools.mcp.results import other_result, short_result
from agents.tools.mcp.server import CALL_TOOL, METHODS, SIGN_IN, Answer, Question, Server, connection_of
from agents.tools.registry import ToolCall
from agents.tools.signing_in import SignIn, in_the_name_of
from julep_project.core.database import give_connection_back
from julep_project.core.json_value import Json
from julep_project.core.limits import LONGEST_ATTEMPT_S

USUAL_TIMEOUT_S = 60.0
_MOST_NAMED = 50
# What a server says of tools that may be called twice.
_HARMLESS = ("idempotentHint", "readOnlyHint")
_WHY_NOT = {
    ToolState.CHANGED: "is described otherwise by its server than when it was accepted",
    ToolState.NEW: "was found later than the others and is not accepted yet",
    ToolState.GONE: "is not listed by its server any more",
}


class ToolChanged(ToolError):
    """A tool of a server is not what was accepted, and was not called."""

    kind = "ToolChanged"

    def __init__(self, name: str, why: str) -> None:
        message = f"the tool {name!r} {why}; it is used when somebody has accepted it"
        super().__init__(message, delivery=Delivery.NOT_SENT)


class NowKnown(NotYet):
    """What the server has is known now, so that the call can be made as one of what it has."""

    kind = "NowKnown"
    waits_for = "what is known of its server"

    def __init__(self, name: str) -> None:
        super().__init__(f"it is known now whether there is a tool {name!r}", wait_s=0.0)


def run(call: ToolCall) -> Json:
    """Call a tool as it was accepted, or ask the server something else.

    Raises:
        ToolChanged, ReportedError, BadArguments, ToolError. ActionNeeded: the server asks a person something, or
        somebody has to sign in. NowKnown: the definition that the call has is of before that was known.
    """
    server = _server_of(call)
    method = call.spec.get("method")
    if method == SIGN_IN:
        return _signed_in(call, server)
    if "pin" in call.spec:
        tool = _pinned(call, server, str(call.spec["name"]), pin=str(call.spec["pin"]))
        return _called(call, server, tool, dict(call.arguments))
    if method == CALL_TOOL:
        name, arguments = call.arguments.get("tool_name"), call.arguments.get("arguments") or {}
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise BadArguments("`tool_name` must be a text and `arguments` an object")
        _find_out(call, server)
        return _called(call, server, _pinned(call, server, name), arguments)
    if method in METHODS:
        return other_result(_asked(call, server, str(method), dict(call.arguments)))
    ways = f"one of its tools, as {offered_name(call.name, 'tool')!r}, or a `method`: {', '.join(METHODS)}"
    raise ToolError(f"{call.name!r} is a server and no single tool: name {ways}", delivery=Delivery.NOT_SENT)


def _signed_in(call: ToolCall, server: McpServer | None) -> Json:
    """Wait until whoever the call is made for has signed in, and say which tools there are."""
    _find_out(call, server)
    of_tool = str(call.spec.get("of_tool") or call.name)
    if call.name not in (of_tool, offered_name(of_tool, SIGN_IN)):
        raise NowKnown(call.name)
    wanted = _sign_in_of(call)
    if wanted is not None:
        in_the_name_of(wanted, call, lambda call, token: None)
    rows = McpTool.objects.for_developer(call.developer).filter(server=server, state=ToolState.ACCEPTED)
    found = rows.order_by("name").values_list("name", "mark")
    names = [offered_name(of_tool, name, mark) for name, mark in found if is_chosen(call.spec, name)][:_MOST_NAMED]
    return f"Somebody is signed in to {of_tool!r}. Its tools are called: {', '.join(names) or 'none'}."


def _find_out(call: ToolCall, server: McpServer | None) -> None:
    """Ask the server for its tools, if that was not possible before somebody had signed in.

    Raises:
        ActionNeeded: somebody has to. ToolError
    """
    wanted = _sign_in_of(call)
    if server is None or server.listed_at is not None or wanted is None:
        return
    at, whole_s = Server.of_spec(call.spec), min(call.timeout_s or LISTING_S, LISTING_S)

    def seen(call: ToolCall, token: str) -> tuple[Listing, Answer]:
        give_connection_back()
        return list_tools(at.signed(token), whole_s=whole_s, hidden=call.hidden)

    keep_first(server, *in_the_name_of(wanted, call, seen))


def _sign_in_of(call: ToolCall) -> SignIn | None:
    return SignIn.wanted_by(call, connection_of(call.spec), resource=Server.of_spec(call.spec).url)


def _called(call: ToolCall, server: McpServer | None, tool: McpTool, arguments: dict[str, Json]) -> Json:
    told = {"tool_name": tool.name, "arguments": arguments, "input_schema": tool.input_schema}
    is_harmless = any(tool.annotations.get(hint) is True for hint in _HARMLESS)
    return short_result(_asked(call, server, CALL_TOOL, told, is_harmless=is_harmless), tool.output_schema)


def _asked(
    call: ToolCall, row: McpServer | None, method: str, arguments: dict[str, Any], *, is_harmless: bool = False
) -> Answer:
    server = Server.of_spec(call.spec).speaking(None if row is None else row.protocol)
    whole_s = min(call.timeout_s or LONGEST_ATTEMPT_S, LONGEST_ATTEMPT_S)
    idle_s = float(call.spec.get("timeout") or USUAL_TIMEOUT_S)
    said = said_before(call.given)
    key = call.idempotency_key
    question = put(
        Question(method, arguments, idle_s=idle_s, whole_s=whole_s, key=key, is_harmless=is_harmless),
        said,
        way=call.spec.get("elicitation"),
        may_wait=call.may_wait,
        is_repeatable=call.is_repeatable,
    )
    give_connection_back()
    wanted = _sign_in_of(call)
    answer = (
        ask(server, question) if wanted is None else in_the_name_of(wanted, call, partial(_signed, server, question))
    )
    if row is not None and answer.protocol != row.protocol:
        McpServer.objects.filter(pk=row.pk).update(protocol=answer.protocol[:32])
    return heard(answer, said)


def _signed(server: Server, question: Question, call: ToolCall, token: str) -> Answer:
    """Ask with a token, which is in nothing that is answered or asked.

    Raises:
        ToolError: the server wants it back.
    """
    answer, hidden = ask(server.signed(token), question), call.hidden
    inquiry = answer.inquiry
    if inquiry is not None:
        if inquiry.state is not None and hidden.text(inquiry.state) != inquiry.state:
            raise ToolError("the server puts the token that it was sent into what it wants to be told again")
        inquiry = replace(inquiry, asked=hidden.value(inquiry.asked))
    declined = tuple(map(hidden.text, answer.declined))
    return replace(answer, value=hidden.value(answer.value), declined=declined, inquiry=inquiry)


def _server_of(call: ToolCall) -> McpServer | None:
    """What is known of the server, if it was asked for its tools before."""
    server_id = call.spec.get("server_id")
    if server_id is None:
        return None
    found: McpServer | None = McpServer.objects.for_developer(call.developer).filter(pk=server_id).first()
    return found


def _pinned(call: ToolCall, server: McpServer | None, name: str, *, pin: str | None = None) -> McpTool:
    """The tool, if it may be called.

    Raises:
        ToolChanged, ToolError
    """
    rows = McpTool.objects.for_developer(call.developer).filter(server=server, name=name) if server else None
    tool: McpTool | None = None if rows is None else rows.first()
    if tool is None or not is_chosen(call.spec, name):
        message = f"the server of {call.name!r} has no tool {name[:80]!r} that may be called"
        raise ToolError(message, delivery=Delivery.NOT_SENT)
    if tool.state != ToolState.ACCEPTED:
        raise ToolChanged(name, _WHY_NOT[ToolState(tool.state)])
    if pin is not None and pin != tool.hash:
        raise ToolChanged(name, "is another than the one that was offered")
    return tool
