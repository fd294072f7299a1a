"""What calls of a tool do to the world where its author does not say."""

from collections.abc import Mapping

from agents.tool_types import Effect, ToolType
from agents.tools.body import spec_of
from agents.tools.integrations.registry import find_method
from agents.tools.mcp.server import CALL_TOOL, METHODS, SIGN_IN
from julep_project.core.json_value import Json

# By the last word of an operation and by the method of a request; all others change something.
_OPERATIONS = {**dict.fromkeys(("get", "list", "search", "history", "embed"), Effect.READS), "delete": Effect.DANGEROUS}
_REQUESTS = {**dict.fromkeys(("GET", "HEAD", "OPTIONS"), Effect.READS), "DELETE": Effect.DANGEROUS}


def usual_effect(tool: Mapping[str, Json]) -> Effect:
    """What is usual for a tool of its kind, with its spec."""
    spec = spec_of(tool)
    match tool.get("type"):
        case ToolType.SYSTEM:
            return _OPERATIONS.get(str(spec.get("operation")), Effect.CHANGES)
        case ToolType.API_CALL:
            return _REQUESTS.get(str(spec.get("method")).upper(), Effect.CHANGES)
        case ToolType.INTEGRATION if method := find_method(spec):
            return method.effect
        case ToolType.MCP:
            return _of_server(spec)
        case ToolType.COMPUTER | ToolType.TEXT_EDITOR | ToolType.BASH:
            return Effect.DANGEROUS
    return Effect.CHANGES


def _of_server(spec: Mapping[str, Json]) -> Effect:
    """What a server says of its tool is believed only where it warns. Its lists are read."""
    if "pin" in spec:
        return Effect.DANGEROUS if spec.get("destructive") is True else Effect.CHANGES
    method = spec.get("method")
    return Effect.READS if method in (*METHODS, SIGN_IN) and method != CALL_TOOL else Effect.CHANGES
