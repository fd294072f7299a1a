"""Does with the platform's client what the scenarios of the suite want clients to do."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.db import connection

from agents.connections.providers import create_provider
from agents.models import Developer
from agents.tools.actions import ActionNeeded, Given
from agents.tools.errors import ToolError
from agents.tools.mcp.client import ask, list_tools
from agents.tools.mcp.listing import FoundTool
from agents.tools.mcp.questions import heard, said_before
from agents.tools.mcp.server import CALL_TOOL, Question, Server
from agents.vault.services import create_secret
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply
from tests.conformance.signing_in import signed_in

# Many scenarios are played at once.
_WHOLE_S = 60.0
_WITH_TOKENS = "auth/"
_SAMPLES: Mapping[str, Any] = {"number": 2.5, "integer": 2, "boolean": True, "array": [], "object": {}}


class Driver(LoopbackServer):
    """Answers `command.py`: what was done is its answer, or why it failed."""

    def __init__(self, developer: Developer) -> None:
        super().__init__()
        self._developer = developer

    def answer(self, request: RecordedRequest) -> Reply:
        wanted = request.json()
        try:
            return Reply(body={"done": self._done(wanted["scenario"], wanted["server"], wanted["context"])})
        except ToolError as error:
            return Reply(body={"error": error.message})
        except Exception:
            return Reply(body={"error": traceback.format_exc()})
        finally:
            connection.close()

    def _done(self, scenario: str, url: str, context: Mapping[str, Any]) -> list[str]:
        server = Server("http", url)
        if not scenario.startswith(_WITH_TOKENS):
            return _do(scenario, server, context)
        if "client_id" in context:
            _know(self._developer, url, context)
        return signed_in(self._developer, url, lambda token: _do(scenario, server.signed(token), context))


def _know(developer: Developer, url: str, context: Mapping[str, Any]) -> None:
    """Have a client that was registered there by hand."""
    values = {"name": f"known {uuid4()}", "resource": url, "client_id": context["client_id"]}
    if "client_secret" in context:
        secret = f"S{uuid4().hex}"
        create_secret(developer=developer, values={"name": secret, "value": context["client_secret"]})
        values["client_secret"] = secret
    create_provider(developer=developer, values=values)


def _do(scenario: str, server: Server, context: Mapping[str, Any]) -> list[str]:
    """List the tools, and call each of those that can be used; then whatever else the scenario looks at."""
    listing, answer = list_tools(server, whole_s=_WHOLE_S)
    server = server.speaking(answer.protocol)
    done = ["list_tools"]
    # A schema that is told again is to be as it came.
    rich = next((tool.input_schema for tool in listing.tools if "$defs" in tool.input_schema), None)
    for tool, arguments in _calls(listing.tools, context):
        arguments |= {"schema": rich} if rich is not None and "schema" in arguments else {}
        given = {"tool_name": tool.name, "arguments": arguments, "input_schema": tool.input_schema}
        _ask(scenario, server, CALL_TOOL, given)
        done.append(tool.name)
    for method in _MORE.get(scenario, ()):
        done += method(scenario, server)
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


def _read_all(scenario: str, server: Server) -> list[str]:
    done = []
    for resource in _ask(scenario, server, "list_resources", {}).get("resources", []):
        _ask(scenario, server, "read_resource", {"uri": resource["uri"]})
        done.append(resource["uri"])
    for prompt in _ask(scenario, server, "list_prompts", {}).get("prompts", []):
        _ask(scenario, server, "get_prompt", {"name": prompt["name"]})
        done.append(prompt["name"])
    return done


def _ask(scenario: str, server: Server, method: str, arguments: Mapping[str, Any]) -> Any:
    """The answer of the server. A person who is asked something leaves all as it is, and accepts."""
    question = Question(
        method,
        arguments,
        idle_s=_WHOLE_S,
        whole_s=_WHOLE_S,
        asks_people=True,
        is_repeatable=True,
        takes_defaults="defaults" in scenario,
    )
    given: Given | None = None
    while True:
        try:
            said = said_before(given)
            answer = ask(server, replace(question, replies=said.replies, state=said.state, turn=said.asked))
            return heard(answer, said).value
        except ActionNeeded as needed:
            given = Given(needed.action.type, needed.action.kept, {"action": "accept"})


_MORE: Mapping[str, tuple[Callable[[str, Server], list[str]], ...]] = {"http-standard-headers": (_read_all,)}
