"""Any MCP server: its tools, resources and prompts."""

from collections.abc import Callable, Mapping
from typing import Any

from agents.tool_types import Effect
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.mcp.client import ask
from agents.tools.mcp.elicitation import WAYS
from agents.tools.mcp.listing import cleaned
from agents.tools.mcp.questions import heard, put, said_before
from agents.tools.mcp.results import other_result, whole_result
from agents.tools.mcp.server import CALL_TOOL, LIST_TOOLS, Answer, Question, Server

_USUAL_TIMEOUT_S = 60
_LONGEST_NAME = 128
_LONGEST_DESCRIPTION = 20_000


def list_tools(call: IntegrationCall) -> dict[str, Any]:
    """`{tools: [{name, description, input_schema, output_schema?}]}`, as the server describes them."""
    tools = _ask(call, LIST_TOOLS).value.get("tools")
    return {"tools": [_tool(each) for each in tools or () if isinstance(each, Mapping)]}


def call_tool(call: IntegrationCall) -> dict[str, Any]:
    """`{text, structured, content, is_error}`; `declined` if the server wanted to ask a person something."""
    return whole_result(_ask(call, CALL_TOOL))


def list_resources(call: IntegrationCall) -> dict[str, Any]:
    """`{resources, nextCursor?}`, as the server gives them."""
    return other_result(_ask(call, "list_resources"))


def read_resource(call: IntegrationCall) -> dict[str, Any]:
    """`{contents: [{uri, mimeType, text or blob}]}`."""
    return other_result(_ask(call, "read_resource"))


def list_prompts(call: IntegrationCall) -> dict[str, Any]:
    """`{prompts, nextCursor?}`, as the server gives them."""
    return other_result(_ask(call, "list_prompts"))


def get_prompt(call: IntegrationCall) -> dict[str, Any]:
    """`{description, messages: [{role, content}]}`."""
    return other_result(_ask(call, "get_prompt"))


def _ask(call: IntegrationCall, method: str) -> Answer:
    server = Server.of_setup(call.setup)
    idle_s = float(call.arguments.get("timeout_seconds") or _USUAL_TIMEOUT_S)
    people = call.people
    said = said_before(people.said)
    question = put(
        Question(method, call.arguments, idle_s=idle_s, whole_s=call.seconds_left(), key=call.idempotency_key),
        said,
        way=call.setup.get("elicitation"),
        may_wait=people.may_be_asked,
        is_repeatable=people.may_begin_anew,
    )
    return heard(ask(server, question), said)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "name": cleaned(str(tool.get("name")), _LONGEST_NAME),
        "description": cleaned(str(tool.get("description") or ""), _LONGEST_DESCRIPTION) or None,
        "input_schema": tool.get("inputSchema"),
    }
    return {**told, "output_schema": tool["outputSchema"]} if "outputSchema" in tool else told


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_SETUP = schema(
    "transport",
    transport={"enum": ["sse", "http", "stdio"]},
    http_url=text("Address of the server"),
    http_headers={**_TEXTS, "description": "Headers of all requests to it"},
    elicitation={"enum": list(WAYS), "description": "What becomes of questions to people"},
    command=text("Name of a command that the operator lists, for `stdio`"),
    args={"type": "array", "items": {"type": "string"}, "description": "Not used: the operator lists whole commands"},
    cwd={"type": "string", "description": "Not used"},
    env={**_TEXTS, "description": "Not used"},
)
_TIMEOUT = {"type": "integer", "minimum": 1, "maximum": 3600, "default": _USUAL_TIMEOUT_S}
_WAIT = {
    "timeout_seconds": {**_TIMEOUT, "description": "Seconds without a sign of the server after which it is given up"}
}
_CURSOR = {"cursor": text("Where the page before ended")}
_ARGUMENTS = {"arguments": {"type": "object", "default": {}, "description": "What the tool takes"}}
_PROMPTED = {"arguments": {**_TEXTS, "default": {}, "description": "What the prompt takes"}}
_Does = tuple[Callable[[IntegrationCall], dict[str, Any]], str, str, dict[str, Any]]
_DOES: tuple[_Does, ...] = (
    (list_tools, "List the tools of an MCP server.", "", {"dummy": {"type": "string"}}),
    (call_tool, "Call a tool of an MCP server.", "tool_name", {"tool_name": text("Name of the tool"), **_ARGUMENTS}),
    (list_resources, "List the resources of an MCP server.", "", _CURSOR),
    (read_resource, "Read a resource of an MCP server.", "uri", {"uri": text("Address of the resource")}),
    (list_prompts, "List the prompts of an MCP server.", "", _CURSOR),
    (
        get_prompt,
        "Get a prompt of an MCP server, filled in.",
        "name",
        {"name": text("Name of the prompt"), **_PROMPTED},
    ),
)

METHODS = tuple(
    Method(
        provider="mcp",
        name=run.__name__,
        effect=Effect.READS if run is not call_tool else Effect.CHANGES,
        description=does,
        run=run,
        arguments=schema(required, **arguments, **_WAIT),
        setup=_SETUP,
    )
    for run, does, required, arguments in _DOES
)
