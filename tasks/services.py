"""Writes of task definitions. Every change of a program is a new TaskVersion; none is ever changed."""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.connections.providers import doubts_about_providers
from agents.mcp.pinning import check_defined, pin_defined
from agents.models import Agent, Developer, Tool
from agents.names import generate_canonical_name
from agents.resource_services import create_or_replace
from agents.retention.belongings import remove_belongings
from agents.tool_definitions import check_reference, doubts_about_keys, parse_tool, tool_to_wire
from agents.tools.presets import without_values
from agents.tools.secret_names import names_of
from agents.tools.secret_values import check_may_name, mention_warnings, warnings_of
from agents.tools.signing_in import check_may_connect
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import InvalidInput, InvalidTask, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.models import completed
from tasks import selectors
from tasks.dangers import check_dangers
from tasks.language.errors import MAX_PROBLEMS
from tasks.models import Task, TaskVersion
from tasks.programs.compile import CompiledTask, InvalidTaskBody, InvalidTaskSpec, compile_task

log = logging.getLogger(__name__)


# What a whole task has beside its names and program.
_FIELDS = ("description", "metadata")


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """What is given of a task: fields of its row, and the body `compile_task` understands. `may_name`: the secrets that
    it may name, if not any."""

    head: Mapping[str, Any]
    body: Mapping[str, Any]
    may_name: AbstractSet[str] | None = None


def create_task(*, developer: Developer, agent: Agent, definition: TaskDefinition, task_id: UUID | None = None) -> Task:
    """Store a new task with its first version.

    Raises:
        InvalidInput: the body's shape is wrong. InvalidTask: an expression, name or schema in it is.
        Forbidden: it names other secrets than it may.
        Conflict: the canonical name is taken.
    """
    compiled = _compile(agent, definition.body, definition.may_name)
    head = {"canonical_name": generate_canonical_name(definition.head["name"]), **definition.head}
    with transaction.atomic():
        task = Task.objects.create(id=task_id or uuid7(), developer=developer, agent=agent, **head)
        _add_version(task, compiled, number=1)
        _record(Verb.CREATE, task, after=_settings_of(task) | {"sha256": compiled.sha256})
    pin_defined(developer, agent.pk, compiled.tools)
    log.info("task created", extra={"task_id": task.pk})
    return task


def replace_task(*, task: Task, definition: TaskDefinition) -> Task:
    """Overwrite a task: what is not given becomes its default, except the canonical name, which is kept."""
    compiled = _compile(task.agent, definition.body, definition.may_name)
    with transaction.atomic():
        changed = _update(_lock(task), compiled, {**definition.head, **completed(Task, _FIELDS, definition.head)})
    pin_defined(task.developer, task.agent_id, compiled.tools)
    return changed


def patch_task(*, task: Task, definition: TaskDefinition) -> Task:
    """Change what is given. Without `main` the other workflows stay; metadata is merged."""
    with transaction.atomic():
        locked = _lock(task)
        compiled = None
        if definition.body:
            body = _merged_body(selectors.current_version(locked), definition.body)
            compiled = _compile(locked.agent, body, definition.may_name)
        metadata = {**locked.metadata, **definition.head.get("metadata", {})}
        changed = _update(locked, compiled, {**definition.head, "metadata": metadata})
    if compiled is not None:
        pin_defined(task.developer, task.agent_id, compiled.tools)
    return changed


def put_task(*, developer: Developer, agent: Agent, definition: TaskDefinition, task_id: UUID | None) -> Task:
    """Create a task, or overwrite the one the definition means (by id, canonical name or name)."""
    head = definition.head
    canonical_name = head.get("canonical_name")
    found = selectors.find_task(agent, task_id=task_id, canonical_name=canonical_name, name=head["name"])
    if found is not None:
        return replace_task(task=found, definition=definition)
    if task_id is not None:
        return create_or_replace_task(developer=developer, agent=agent, definition=definition, task_id=task_id)
    return create_task(developer=developer, agent=agent, definition=definition)


def create_or_replace_task(*, developer: Developer, agent: Agent, definition: TaskDefinition, task_id: UUID) -> Task:
    """Overwrite the agent's task with this id, or create it.

    Raises:
        NotFound: the id is taken by a task of another agent or tenant.
    """
    return create_or_replace(
        exists=selectors.list_tasks(developer, agent).filter(pk=task_id).exists,
        create=lambda: create_task(developer=developer, agent=agent, definition=definition, task_id=task_id),
        replace=lambda: replace_task(task=selectors.get_task(developer, task_id, agent=agent), definition=definition),
    )


def delete_task(*, task: Task) -> None:
    """Remove a task, its versions and its executions.

    Raises:
        NotFound: the task was removed in the meantime.
        ServiceUnavailable: there are so many executions that it takes more requests than this.
    """
    remove_belongings(ObjectKind.TASK, task.pk)
    with transaction.atomic():
        locked = _lock(task)
        _record(Verb.DELETE, locked, before=_settings_of(locked))
        locked.delete()


def _lock(task: Task) -> Task:
    """The task as it is now, locked: version numbers never collide and no change is lost.

    Raises:
        NotFound: it was removed in the meantime.
    """
    rows = Task.objects.select_for_update(of=("self",)).select_related("agent")
    locked: Task | None = rows.filter(pk=task.pk).first()
    if locked is None:
        raise NotFound("Task not found")
    return locked


def _update(locked: Task, compiled: CompiledTask | None, head: Mapping[str, Any]) -> Task:
    """Change the head and add a version. The row is locked."""
    number, before = locked.version_number, _settings_of(locked)
    if compiled is not None:
        number += 1
        _add_version(locked, compiled, number=number)
    Task.objects.filter(pk=locked.pk).update(version_number=number, updated_at=DatabaseNow(), **head)
    locked.refresh_from_db()
    program = {} if compiled is None else {"sha256": compiled.sha256}
    _record(Verb.UPDATE, locked, before=before, after=_settings_of(locked) | program)
    return locked


def _settings_of(task: Task) -> dict[str, Any]:
    """What the audit log keeps of a task. Its programs are kept as they were: the number of one tells it."""
    names = ("agent_id", "name", "canonical_name", "description", "version_number")
    found = {name: getattr(task, name) for name in names}
    return {**found, "agent_id": str(task.agent_id), "metadata": without_values(task.metadata)}


def _record(verb: Verb, task: Task, **settings: Any) -> None:
    record(task.developer_id, Act(verb, ObjectKind.TASK, task.pk, task.name, **settings))


def _compile(agent: Agent, body: Mapping[str, Any], may_name: AbstractSet[str] | None) -> CompiledTask:
    inherited = list(Tool.objects.filter(agent=agent).order_by("created_at", "id"))
    doubts: list[dict[str, Any]] = []
    types = {tool.name: tool.type for tool in inherited}
    try:
        compiled = compile_task(body, agent_tools=types, read_tool=partial(_read_tool, doubts))
    except InvalidTaskBody as error:
        raise InvalidInput(error.details) from error
    except InvalidTaskSpec as error:
        raise InvalidTask(error.issues, error.message) from error
    definitions = [parse_tool(tool, at=f"tools[{place}]") for place, tool in enumerate(compiled.tools)]
    for place, definition in enumerate(definitions):
        doubts += doubts_about_keys(compiled.tools[place], at=f"tools[{place}]")
        check_reference(agent.developer, definition, at=f"tools[{place}]")
    tools = [definition.to_wire() for definition in definitions]
    places = {f"tools[{place}]": tool for place, tool in enumerate(tools)}
    check_defined(tools)
    of_steps = (tool for step in compiled.loaded.all_steps() for _, tool in step.own_tools())
    for tool in chain(tools, of_steps):
        check_may_connect(tool, is_free=may_name is None)
    secrets = {
        **{name: place for place, tool in places.items() for name in names_of(tool)},
        **compiled.secrets,
    }
    check_may_name(secrets.keys(), may_name)
    unknown = warnings_of(agent.developer, secrets, agent.pk) if secrets else []
    unknown += doubts_about_providers(agent.developer, places)
    own = {tool["name"] for tool in tools}
    others = [tool_to_wire(tool) for tool in inherited if compiled.inherit_tools and tool.name not in own]
    dangers = check_dangers(agent, compiled.loaded, [*tools, *others])
    warnings = [*compiled.warnings, *doubts[:MAX_PROBLEMS], *unknown, *_bare_mentions(places), *dangers]
    return replace(compiled, tools=tools, warnings=warnings)


def _bare_mentions(tools: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Texts that mention a secret, and stay as they are."""
    return [warning for place, tool in tools.items() for warning in mention_warnings(tool, place)]


def _read_tool(doubts: list[dict[str, Any]], tool: Mapping[str, Any], loc: str) -> dict[str, Any]:
    """The tool of a step; what its author should know of it is added to the doubts."""
    doubts += doubts_about_keys(tool, at=loc)
    try:
        return parse_tool(tool, at=loc).to_wire()
    except InvalidInput as error:
        raise InvalidTaskBody(error.extra["details"]) from error


def _add_version(task: Task, compiled: CompiledTask, *, number: int) -> None:
    TaskVersion.objects.create(task=task, number=number, **compiled.stored())


def _merged_body(current: TaskVersion, body: Mapping[str, Any]) -> dict[str, Any]:
    """The current definition with the given parts on top; a new `main` comes with all its sub-workflows."""
    kept = {name: getattr(current, name) for name in ("input_schema", "tools", "inherit_tools")}
    return {**kept, **({} if "main" in body else current.source), **body}
