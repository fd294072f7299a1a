"""How runs stand, in the protocol's words, and waiting for them.

A run is a task of the extension `io.modelcontextprotocol/tasks`: its id is the run's, and it outlives whoever asked. A
client that does not speak the extension waits for a while, and is told the id when the run takes longer.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from mcp_types import CallToolResult

from agents.models import Developer
from executions.announcements import topic
from executions.called.standing import Standing, standing_of
from executions.models import Execution
from executions.states import ExecutionStatus
from executions.waits.asked import first_text, schema_of
from executions.waits.form import fields_of
from julep_project.core.clock import to_wire
from julep_project.core.database import Threads, run_query
from julep_project.core.live.events import HUB
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.work.draining import is_draining
from julep_project.mcp_server.answers import told

EXTENSION = "io.modelcontextprotocol/tasks"
POLL_MS = 2000
# Events arrive over Redis; this is how late it may be noticed while Redis is away.
_LOOKS_EVERY_S = 2.0
# Of larger outputs, only that they are there.
_LARGEST_OUTPUT = 512 * 1024
_ANSWER: dict[str, Any] = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
_STATUS = {
    ExecutionStatus.SUCCEEDED: "completed",
    ExecutionStatus.FAILED: "completed",
    ExecutionStatus.CANCELLED: "cancelled",
}


async def wait_for(
    developer: Developer, run_id: UUID, seconds: float, moved: Callable[[Execution], Awaitable[None]]
) -> Standing:
    """How the run stands when it rests or the time is over. `moved` is told of every step."""
    until = time.monotonic() + seconds
    seen = -1
    with HUB.listening(topic(run_id)) as listener:
        while True:
            standing = await run_query(partial(standing_of, developer, run_id, whole=False))
            if standing.run.transition_count != seen:
                seen = standing.run.transition_count
                await moved(standing.run)
            left = until - time.monotonic()
            if standing.rests or left <= 0 or is_draining():
                break
            await listener.wait(min(left, _LOOKS_EVERY_S))
    return await run_query(partial(standing_of, developer, run_id), Threads.READING)


def result_of(standing: Standing) -> CallToolResult:
    """What a call of the tool answers, for a run that has ended or is told as it stands."""
    run = standing.run
    value: dict[str, Any] = {"execution_id": str(run.pk), "status": run.status}
    if run.status == ExecutionStatus.SUCCEEDED:
        text = _shown(run.output)
        if len(text) > _LARGEST_OUTPUT:
            where = f"the output has {len(text)} characters; read it at /executions/{run.pk}"
            return told({**value, "output": None}, where)
        return told({**value, "output": run.output}, text)
    if run.status == ExecutionStatus.FAILED:
        return told({**value, "error": run.error}, run.error or "the run failed", is_error=True)
    if run.status == ExecutionStatus.CANCELLED:
        return told(value, "the run was cancelled", is_error=True)
    if standing.waits:
        waits = [{"id": wait_id, "asked": asked} for wait_id, asked in standing.waits.items()]
        questions = "; ".join(first_text(asked) or "input" for asked in standing.waits.values())
        return told({**value, "waits": waits}, f"the run waits for: {questions}. Answer with `run_resume`.")
    return told(value, f"the run goes on; ask for it with `run_get` and its id {run.pk}")


def _shown(output: Any) -> str:
    return output if isinstance(output, str) else to_json_text(output)


def task_of(standing: Standing) -> dict[str, Any]:
    """The run as a task of the extension."""
    run = standing.run
    return {
        "taskId": str(run.pk),
        "status": "input_required" if standing.waits else _STATUS.get(ExecutionStatus(run.status), "working"),
        "statusMessage": run.status,
        "createdAt": to_wire(run.created_at),
        "lastUpdatedAt": to_wire(run.updated_at),
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }


def detailed_task_of(standing: Standing) -> dict[str, Any]:
    """The same with how it ended, or what is asked. A run that failed has a result that says so: only requests that
    could not be carried out at all are errors of the protocol."""
    task = task_of(standing)
    if standing.waits:
        return {**task, "inputRequests": {wait_id: elicited(asked) for wait_id, asked in standing.waits.items()}}
    if task["status"] == "completed":
        result = result_of(standing).model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**task, "result": result}
    return task


def elicited(asked: Any) -> dict[str, Any]:
    """A wait as a question with a form: that of its schema where a form can give it, else a field for a text."""
    schema = schema_of(asked)
    wanted = dict(schema) if schema is not None and fields_of(schema) else _ANSWER
    message = first_text(asked) or "The run waits for an input."
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": wanted},
    }


def answer_to(asked: Any, content: Any) -> Any:
    """What a wait gets of a form that was filled in."""
    schema = schema_of(asked)
    if schema is not None and fields_of(schema):
        return content
    is_text = isinstance(content, Mapping) and set(content) == {"answer"}
    return content["answer"] if is_text else content
