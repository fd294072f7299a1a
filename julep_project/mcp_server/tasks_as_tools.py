"""Tasks as tools: their input schema is the tool's, and a call is a run."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mcp_types import CallToolResult, Tool

from agents.models import Developer
from executions.models import Execution
from executions.services import start_execution
from julep_project.core.database import run_query
from julep_project.mcp_server.caller import Caller, Context
from julep_project.mcp_server.naming import name_of
from julep_project.mcp_server.run_questions import answered
from julep_project.mcp_server.runs import EXTENSION, result_of, task_of, wait_for
from julep_project.mcp_server.visible import TASK_PREFIX
from tasks.models import Task
from tasks.selectors import with_versions

_LONGEST_DESCRIPTION = 2000
_MOMENT_S = 1.0
_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "execution_id": {"type": "string", "format": "uuid"},
        "status": {"type": "string"},
        "output": {"description": "what the task gives, once it has succeeded"},
        "error": {"type": ["string", "null"]},
        "waits": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["execution_id", "status"],
}


def described(tasks: Sequence[Task]) -> dict[Any, Tool]:
    """Tools by the ids of their tasks."""
    return {task.pk: _tool(task, version.input_schema) for task, version in with_versions(list(tasks))}


def _tool(task: Task, schema: Mapping[str, Any] | None) -> Tool:
    is_object = schema is not None and schema.get("type", "object") == "object"
    return Tool(
        name=name_of(TASK_PREFIX, task.canonical_name),
        title=task.name,
        description=task.description.strip()[:_LONGEST_DESCRIPTION] or f"Run the task {task.name}.",
        input_schema={**_ANY_OBJECT, **schema} if is_object and schema is not None else _ANY_OBJECT,
        output_schema=_OUTPUT,
    )


async def run(
    caller: Caller, context: Context, task: Task, arguments: dict[str, Any], wait_s: float
) -> CallToolResult | dict[str, Any]:
    """Start a run, and wait for it; what it asks meanwhile is asked of a client that can be asked while it waits. A
    client that knows tasks gets one when the run takes longer than a moment.

    Raises:
        DomainError: the run cannot be started.
    """
    started = await run_query(partial(_start, caller.developer, task, arguments))

    async def tell(execution: Execution) -> None:
        await context.session.report_progress(float(execution.transition_count), message=execution.status)

    is_patient = not knows_tasks(context)
    standing = await wait_for(caller.developer, started.pk, wait_s if is_patient else min(_MOMENT_S, wait_s), tell)
    if caller.line is not None:
        standing = await answered(
            caller.line, caller.developer, standing, partial(wait_for, seconds=wait_s, moved=tell)
        )
    if is_patient or standing.is_over:
        return result_of(standing)
    return {"resultType": "task", **task_of(standing)}


def _start(developer: Developer, task: Task, arguments: dict[str, Any]) -> Execution:
    return start_execution(developer=developer, task=task, input_=arguments)


def knows_tasks(context: Context) -> bool:
    """Whether the client has said so, with this request."""
    capabilities = context.session.client_capabilities
    return capabilities is not None and EXTENSION in (capabilities.extensions or {})
