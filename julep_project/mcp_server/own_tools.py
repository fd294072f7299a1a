"""Tools beside agents and tasks: a search of docs, and what is done with runs that go on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from mcp_types import CallToolResult, Tool, ToolAnnotations

from docs_store.owners import Owner
from docs_store.search import answer_search, parse_search
from executions.called.standing import standing_of
from executions.services import cancel_execution, resume_by_token, resume_execution
from executions.wait_tokens import task_token
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import InvalidInput, NotFound
from julep_project.core.reading.validation import how_to_mend_name, invalid, parse_uuid, problem
from julep_project.core.schemas.json_schema import find_problem
from julep_project.mcp_server.answers import told
from julep_project.mcp_server.caller import Caller
from julep_project.mcp_server.runs import result_of
from julep_project.mcp_server.visible import agents_of

_MOST_FOUND = 20
_LONGEST_NAME, _MOST_TOLD = 80, 20
_RUN_ID = {"type": "string", "format": "uuid", "description": "The id of the run"}

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OwnTool:
    """A tool of the platform's own. `changes` says that a key which may only read is refused."""

    tool: Tool
    carry_out: Callable[[Caller, Arguments], Awaitable[CallToolResult]]
    changes: bool


async def carry_out(own: OwnTool, caller: Caller, arguments: Arguments) -> CallToolResult:
    """Do what a tool does.

    Raises:
        InvalidInput: the arguments do not fit its schema, and are told of by the names in that. DomainError
    """
    schema = own.tool.input_schema
    known = schema["properties"]
    problems = [problem([name], "missing") for name in schema["required"] if arguments.get(name) is None]
    others = [name[:_LONGEST_NAME] for name in islice(arguments.keys() - known.keys(), _MOST_TOLD)]
    problems += [problem([name], "extra_forbidden", fix=how_to_mend_name(name, known, "argument")) for name in others]
    if problems:
        raise InvalidInput(problems)
    wrong = find_problem(schema, dict(arguments))
    if wrong is not None:
        raise invalid([wrong.path.removeprefix("$.")], "value_error", msg=wrong.message)
    return await own.carry_out(caller, arguments)


async def _search(caller: Caller, arguments: Arguments) -> CallToolResult:
    limit = arguments.get("limit", 5)
    query = parse_search({"text": arguments["query"], "limit": limit, "include_embeddings": False})
    owner = await run_query(partial(_owner, caller, arguments))
    found = await run_query(partial(answer_search, caller.developer, [owner], query), Threads.SEARCH)
    docs = [
        {"uri": f"doc://{doc['id']}", "title": doc["title"], "text": doc["snippet"]["content"]} for doc in found["docs"]
    ]
    text = "\n\n".join(f"{doc['title']} ({doc['uri']})\n{doc['text']}" for doc in docs) or "Nothing was found."
    return told({"docs": docs}, text)


def _owner(caller: Caller, arguments: Arguments) -> Owner:
    if arguments.get("user_id") is not None:
        return Owner("user", parse_uuid(str(arguments["user_id"]), "user_id"))
    name = arguments.get("agent")
    if not isinstance(name, str):
        raise invalid(("agent",), "missing", msg="`agent` or `user_id` is required")
    agents = agents_of(caller.developer).filter(canonical_name__iexact=name)
    agent_id = agents.values_list("pk", flat=True).first()
    if agent_id is None:
        raise NotFound("Agent not found")
    return Owner("agent", agent_id)


async def _get(caller: Caller, arguments: Arguments) -> CallToolResult:
    return result_of(await run_query(partial(standing_of, caller.developer, _run_id(arguments)), Threads.READING))


async def _cancel(caller: Caller, arguments: Arguments) -> CallToolResult:
    run_id = _run_id(arguments)
    await run_query(partial(cancel_execution, developer=caller.developer, execution_id=run_id))
    return told({"execution_id": str(run_id), "status": "cancelled"}, "the run was cancelled")


async def _resume(caller: Caller, arguments: Arguments) -> CallToolResult:
    run_id, wait_id = _run_id(arguments), arguments.get("wait_id")
    given: dict[str, Any] = {"developer": caller.developer, "execution_id": run_id, "value": arguments.get("input")}
    if wait_id is None:
        await run_query(partial(resume_execution, **given))
    else:
        token = task_token(parse_uuid(str(wait_id), "wait_id"))
        await run_query(partial(resume_by_token, token=token, **given))
    return result_of(await run_query(partial(standing_of, caller.developer, run_id), Threads.READING))


def _run_id(arguments: Arguments) -> Any:
    return parse_uuid(str(arguments.get("execution_id")), "execution_id")


def _tool(
    name: str,
    title: str,
    description: str,
    properties: dict[str, Any],
    required: list[str],
    annotations: ToolAnnotations | None = None,
) -> Tool:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Tool(name=name, title=title, description=description, input_schema=schema, annotations=annotations)


_TOOLS = (
    OwnTool(
        _tool(
            "docs_search",
            "Search documents",
            "Search what an agent or a user knows. Each result has the address of its document.",
            {
                "query": {"type": "string", "minLength": 1, "description": "What to look for"},
                "agent": {
                    "type": "string",
                    "description": "The canonical name of the agent whose documents are searched",
                },
                "user_id": {"type": "string", "format": "uuid", "description": "Or the user whose"},
                "limit": {"type": "integer", "minimum": 1, "maximum": _MOST_FOUND, "default": 5},
            },
            ["query"],
            ToolAnnotations(read_only_hint=True),
        ),
        _search,
        changes=False,
    ),
    OwnTool(
        _tool(
            "run_get",
            "Look at a run",
            "How a run of a task stands: its status, output or error, or what it waits for.",
            {"execution_id": _RUN_ID},
            ["execution_id"],
            ToolAnnotations(read_only_hint=True),
        ),
        _get,
        changes=False,
    ),
    OwnTool(
        _tool(
            "run_resume",
            "Answer a run",
            "Give a run that waits the input it asks for.",
            {
                "execution_id": _RUN_ID,
                "input": {"description": "What is asked for, any JSON"},
                "wait_id": {
                    "type": "string",
                    "format": "uuid",
                    "description": "Which of its waits, if there are several",
                },
            },
            ["execution_id", "input"],
        ),
        _resume,
        changes=True,
    ),
    OwnTool(
        _tool(
            "run_cancel",
            "Cancel a run",
            "End a run now, whatever it is doing.",
            {"execution_id": _RUN_ID},
            ["execution_id"],
            ToolAnnotations(destructive_hint=True, idempotent_hint=True),
        ),
        _cancel,
        changes=True,
    ),
)
OWN_TOOLS: Mapping[str, OwnTool] = {own.tool.name: own for own in _TOOLS}
