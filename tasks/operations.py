"""What system tools may do with tasks."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from agents.selectors import get_agent
from agents.tools.approval import register_conditions
from agents.tools.presentation import with_shown_tools
from agents.tools.presets import without_values
from agents.tools.system import METADATA_FILTER, SystemCall, operation
from julep_project.core.api.views import deletion
from tasks import selectors, services
from tasks.api.serializers import TaskBody, read_definition
from tasks.language import conditions
from tasks.models import Task, TaskVersion
from tasks.services import TaskDefinition
from tasks.wire import task_to_wire

Json = dict[str, Any]
_IDS = ("agent_id", "task_id")

register_conditions(conditions)


@operation("task.list", ids="agent_id", page=100, more=METADATA_FILTER)
def list_tasks(call: SystemCall) -> list[Json]:
    """List the tasks of an agent, the newest first."""
    agent = get_agent(call.developer, call.id("agent_id"))
    rows = call.narrowed(selectors.list_tasks(call.developer, agent))
    tasks = selectors.with_versions(call.paging(max_limit=100).load(rows))
    return [_shown(task, version) for task, version in tasks]


@operation("task.get", ids="task_id")
def get_task(call: SystemCall) -> Json:
    """Get one task."""
    return _whole(selectors.get_task(call.developer, call.id("task_id")))


@operation("task.create", ids="agent_id", body=TaskBody, is_open=True)
def create_task(call: SystemCall) -> Json:
    """Create a task for an agent."""
    return _written(call, call.new_id())


@operation("task.update", ids="task_id", body=TaskBody, is_open=True)
def replace_task(call: SystemCall) -> Json:
    """Overwrite a task; executions that run keep their version."""
    task = selectors.get_task(call.developer, call.id("task_id"))
    return _whole(services.replace_task(task=task, definition=_definition(call)))


@operation("task.patch", ids="task_id", body=TaskBody, partial=True, is_open=True)
def patch_task(call: SystemCall) -> Json:
    """Change some fields of a task; without `main` its workflows stay."""
    task = selectors.get_task(call.developer, call.id("task_id"))
    return _whole(services.patch_task(task=task, definition=_definition(call, partial=True)))


@operation("task.create_or_update", ids="agent_id task_id", body=TaskBody, is_open=True)
def create_or_replace_task(call: SystemCall) -> Json:
    """Overwrite the task with this id, or create it."""
    return _written(call, call.id("task_id"))


@operation("task.delete", ids="task_id")
def delete_task(call: SystemCall) -> Json:
    """Delete a task with its executions."""
    services.delete_task(task=selectors.get_task(call.developer, call.id("task_id")))
    return deletion(call.id("task_id"))


def _definition(call: SystemCall, *, partial: bool = False) -> TaskDefinition:
    """The definition in the arguments: what is not an id is part of it, further workflows too."""
    body = {name: value for name, value in call.arguments.items() if name not in _IDS}
    return replace(read_definition(body, partial=partial), may_name=call.secret_names)


def _written(call: SystemCall, task_id: UUID) -> Json:
    agent = get_agent(call.developer, call.id("agent_id"))
    definition = _definition(call)
    return _whole(
        services.create_or_replace_task(developer=call.developer, agent=agent, definition=definition, task_id=task_id)
    )


def _whole(task: Task) -> Json:
    return _shown(task, selectors.current_version(task))


def _shown(task: Task, version: TaskVersion) -> Json:
    whole = with_shown_tools(task_to_wire(task, version))
    return {**whole, "metadata": without_values(task.metadata)}
