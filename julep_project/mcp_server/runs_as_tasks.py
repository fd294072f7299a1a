"""The extension `io.modelcontextprotocol/tasks`: a client that speaks it looks at runs, answers and cancels them."""

from functools import partial
from typing import Any
from uuid import UUID

from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, RequestParams
from pydantic import ConfigDict, Field

from executions.called.standing import Standing, standing_of
from executions.services import cancel_execution, resume_by_token
from executions.wait_tokens import task_token
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import BadRequest, DomainError, NotFound
from julep_project.mcp_server.answers import in_words, unknown
from julep_project.mcp_server.caller import Caller, Context, caller_of
from julep_project.mcp_server.runs import EXTENSION, answer_to, detailed_task_of
from julep_project.mcp_server.tasks_as_tools import knows_tasks


class TaskParams(RequestParams):
    """Which task is meant."""

    model_config = ConfigDict(populate_by_name=True, extra="allow")

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    """Answers by the keys of what was asked."""

    input_responses: dict[str, Any] = Field(alias="inputResponses")


async def get_task(context: Context, params: TaskParams) -> dict[str, Any]:
    """The run as it stands."""
    _check(context)
    return {"resultType": "complete", **detailed_task_of(await _standing(caller_of(context), params.task_id))}


async def update_task(context: Context, params: UpdateParams) -> dict[str, Any]:
    """Answer what the run waits for. Answers to what it does not wait for any more are passed over."""
    _check(context)
    caller = caller_of(context)
    _may_change(caller)
    standing = await _standing(caller, params.task_id)
    for wait_id, response in params.input_responses.items():
        if wait_id in standing.waits:
            await _answer(caller, standing, wait_id, response)
    return {}


async def cancel_task(context: Context, params: TaskParams) -> dict[str, Any]:
    """End the run, unless it has ended by itself."""
    _check(context)
    caller = caller_of(context)
    _may_change(caller)
    standing = await _standing(caller, params.task_id)
    if not standing.is_over:
        try:
            await run_query(partial(cancel_execution, developer=caller.developer, execution_id=standing.run.pk))
        except BadRequest:
            pass  # it has ended meanwhile
        except NotFound as error:
            raise unknown("Task") from error
    return {}


def add_to(server: Server[Any]) -> None:
    """Let the server speak the extension."""
    server.extensions = {**(server.extensions or {}), EXTENSION: {}}
    server.add_request_handler("tasks/get", TaskParams, get_task)
    server.add_request_handler("tasks/update", UpdateParams, update_task)
    server.add_request_handler("tasks/cancel", TaskParams, cancel_task)


async def _answer(caller: Caller, standing: Standing, wait_id: str, response: Any) -> None:
    action = response.get("action") if isinstance(response, dict) else None
    if action != "accept":
        # Nobody answers for now: the run goes on waiting, and may be answered later or cancelled.
        return
    value = answer_to(standing.waits[wait_id], response.get("content"))
    token = task_token(UUID(wait_id))
    given = {"developer": caller.developer, "execution_id": standing.run.pk, "token": token, "value": value}
    try:
        await run_query(partial(resume_by_token, **given))
    except DomainError as error:
        raise MCPError(INVALID_PARAMS, in_words(error)) from error


async def _standing(caller: Caller, task_id: str) -> Standing:
    try:
        return await run_query(partial(standing_of, caller.developer, UUID(task_id)), Threads.READING)
    except (ValueError, NotFound) as error:
        raise unknown("Task") from error


def _may_change(caller: Caller) -> None:
    try:
        caller.require_write()
    except DomainError as error:
        raise MCPError(INVALID_PARAMS, in_words(error)) from error


def _check(context: Context) -> None:
    if not knows_tasks(context):
        needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, f"the client does not speak {EXTENSION}", needed)
