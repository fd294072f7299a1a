"""`/agents/{agent_id}/tools/{tool_id}/server`, `.../refresh` and `.../accept`: what the server of a tool has."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.mcp import pinning
from agents.mcp.models import McpServer, McpTool, ToolState
from agents.mcp.selectors import chosen_in_vain, get_server, is_chosen
from agents.tools.mcp.listing import LONGEST_NAME, MOST_TOOLS, cleaned, offered_name
from agents.tools.mcp.server import TRANSPORTS
from julep_project.core.api.views import ApiViewSet
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    Answer,
    Example,
    JsonObject,
    ListOf,
    StoredAnswer,
    StrictBody,
    Text,
    Timestamp,
)
from julep_project.core.reading.validation import invalid

_HASH = 64
_LONGEST_SHOWN = 20_000
_NOT_THERE = "the server has no tool of this name"


class LookedAt(StrictBody):
    """A tool, and the hash of what was looked at."""

    name = Text(min_length=1, max_length=LONGEST_NAME)
    hash = Text(min_length=_HASH, max_length=_HASH)


class AcceptBody(StrictBody):
    """The tools to accept as they are now."""

    example = Example(tools=[{"name": "moor", "hash": "0" * _HASH}])

    tools = ListOf(child=LookedAt(), min_length=1, max_length=MOST_TOOLS)


class DescribedTool(Answer):
    """What a server says of a tool."""

    nullable = frozenset({"output_schema"})

    description = Text(allow_blank=True)
    input_schema = JsonObject()
    output_schema = JsonObject(allow_null=True)
    annotations = JsonObject()
    hash = Text(help_text="SHA-256 of name, description and schemas")


class ServerToolAnswer(DescribedTool):
    """A tool of a server as it was accepted."""

    nullable = DescribedTool.nullable | {"offered_as"}
    sometimes = frozenset({"found"})

    name = Text()
    offered_as = Text(help_text="what models and steps call it by; null: the definition does not choose it")
    state = serializers.ChoiceField(choices=ToolState.choices)
    found = DescribedTool(required=False, help_text="what the server says now, where that is something else")


class ServerAnswer(StoredAnswer):
    """A server with its tools."""

    nullable = frozenset({"listed_at"})

    id = serializers.UUIDField()
    created_at = Timestamp()
    updated_at = Timestamp()
    name = Text()
    place = Text(allow_blank=True, help_text="its address without credentials, or the name of its command")
    transport = serializers.ChoiceField(choices=[*TRANSPORTS, ""])
    protocol = Text(allow_blank=True, help_text="the version of the protocol it spoke last")
    server_info = JsonObject()
    listed_at = Timestamp(allow_null=True)
    problem = Text(allow_blank=True, help_text="why it could not be asked for its tools the last time")
    left_out = serializers.ListField(
        child=JsonObject(), help_text="tools that are not there or cannot be used, and why"
    )
    tools = ServerToolAnswer(many=True)


_IDS = [OpenApiParameter(name, OpenApiTypes.UUID, OpenApiParameter.PATH) for name in ("agent_id", "tool_id")]


class ToolServerViewSet(ApiViewSet):
    """The server of a tool of the type `mcp`."""

    resource = "Tool"

    @extend_schema(operation_id="agent_tool_server", parameters=_IDS, responses=ServerAnswer)
    def retrieve(self, request: Request, **ids: UUID) -> Response:
        """The server of a tool, and the tools it was found to have."""
        return Response(server_to_wire(get_server(self.developer, **ids)))

    @extend_schema(operation_id="agent_tool_refresh", parameters=_IDS, request=None, responses=ServerAnswer)
    def refresh(self, request: Request, **ids: UUID) -> Response:
        """Ask the server for its tools again. What it describes otherwise is not used until it is accepted."""
        return Response(server_to_wire(pinning.refresh(self.developer, **ids)))

    @extend_schema(operation_id="agent_tool_accept", parameters=_IDS, request=AcceptBody, responses=ServerAnswer)
    def accept(self, request: Request, **ids: UUID) -> Response:
        """Accept tools as they are now."""
        looked_at = AcceptBody.read(request.data)["tools"]
        hashes = {each["name"]: each["hash"] for each in looked_at}
        if len(hashes) < len(looked_at):
            raise invalid(["tools"], "value_error", msg="a tool is named twice")
        return Response(server_to_wire(pinning.accept(self.developer, hashes=hashes, **ids)))


def server_to_wire(server: McpServer) -> dict[str, Any]:
    """The server object. Reads its tools: load them with it."""
    tools = sorted(server.tools.all(), key=lambda tool: tool.name)
    return {
        **row_to_wire(server, "name", "place", "transport", "protocol", "server_info"),
        "listed_at": None if server.listed_at is None else to_wire(server.listed_at),
        "problem": server.problem,
        "left_out": [*server.left_out, *_missing(server, tools)],
        "tools": [_tool_to_wire(server, tool) for tool in tools],
    }


def _missing(server: McpServer, tools: Sequence[McpTool]) -> list[dict[str, str]]:
    if server.listed_at is None:
        return []
    known = {tool.name for tool in tools} | {str(each["name"]) for each in server.left_out}
    return [{"name": name, "reason": _NOT_THERE} for name in chosen_in_vain(_spec_of(server), known)]


def _spec_of(server: McpServer) -> dict[str, Any]:
    """What its tool says; nothing is known of what tasks define themselves."""
    return {} if server.tool is None else server.tool.spec


def _tool_to_wire(server: McpServer, tool: McpTool) -> dict[str, Any]:
    names = ("name", "input_schema", "output_schema", "annotations", "hash", "state")
    told = {
        **{name: getattr(tool, name) for name in names},
        "description": cleaned(tool.description, _LONGEST_SHOWN),
        "offered_as": offered_name(server.name, tool.name, tool.mark)
        if is_chosen(_spec_of(server), tool.name)
        else None,
    }
    if tool.found is None:
        return told
    return {**told, "found": {**tool.found, "description": cleaned(tool.found["description"], _LONGEST_SHOWN)}}
