"""Does with the platform's client what the scenarios of the suite want clients to do."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agents.tools.errors import ToolError
from agents.tools.mcp.client import ask, list_tools
from agents.tools.mcp.listing import FoundTool
from agents.tools.mcp.server import CALL_TOOL, Question, Server
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply

_WHOLE_S = 10.0
_SAMPLES: Mapping[str, Any] = {"number": 2.5, "integer": 2, "boolean": True, "array": [], "object": {}}


class Driver(LoopbackServer):
    """Answers `command.py`: what was done is its answer, or why it failed."""

    def answer(self, request: RecordedRequest) -> Reply:
        wanted = request.json()
        try:
            return Reply(body={"done": _do(wanted["scenario"], wanted["server"], wanted["context"])})
        except ToolError as error:
            return Reply(body={"error": error.message})
        except Exception:
            return Reply(body={"error": traceback.format_exc()})


def _do(scenario: str, url: str, context: Mapping[str, Any]) -> list[str]:
    """List the tools, and call each of those that can be used; then whatever else the scenario looks at."""
    listing, answer = list_tools(Server("http", url), whole_s=_WHOLE_S)
    server = Server("http", url).speaking(answer.protocol)
    done = ["list_tools"]
    for tool, arguments in _calls(listing.tools, context):
        given = {"tool_name": tool.name, "arguments": arguments, "input_schema": tool.input_schema}
        _ask(server, CALL_TOOL, given)
        done.append(tool.name)
    for method in _MORE.get(scenario, ()):
        done += method(server)
    return done


def _calls(tools: tuple[FoundTool, ...], context: Mapping[str, Any]) -> Iterator[tuple[FoundTool, dict[str, Any]]]:
    told = context.get("toolCalls")
    if told is not None:
        by_name = {tool.name: tool for tool in tools}
        yield from ((by_name[call["name"]], call["arguments"]) for call in told if call["name"] in by_name)
    else:
        yield from ((tool, _arguments_for(tool.input_schema)) for tool in tools)


def _arguments_for(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    return {name: _SAMPLES.get(str(each.get("type")), "text") for name, each in properties.items()}


def _read_all(server: Server) -> list[str]:
    done = []
    for resource in _ask(server, "list_resources", {}).get("resources", []):
        _ask(server, "read_resource", {"uri": resource["uri"]})
        done.append(resource["uri"])
    for prompt in _ask(server, "list_prompts", {}).get("prompts", []):
        _ask(server, "get_prompt", {"name": prompt["name"]})
        done.append(prompt["name"])
    return done


def _ask(server: Server, method: str, arguments: Mapping[str, Any]) -> Any:
    return ask(server, Question(method, arguments, idle_s=_WHOLE_S, whole_s=_WHOLE_S)).value


_MORE: Mapping[str, tuple[Callable[[Server], list[str]], ...]] = {"http-standard-headers": (_read_all,)}
