"""What tools of the kind `task` take: the input of the task, as its version says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from agents.models import Developer
from agents.tool_types import ToolType
from agents.tools.body import spec_of
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import parse_uuid
from tasks.models import Task, TaskVersion

_LONGEST_ABOUT = 2000
_SUFFIX = "__run"
_ASKED = {
    "type": "object",
    "properties": {"execution_id": {"type": "string", "format": "uuid", "description": "Which run"}},
    "required": ["execution_id"],
}
_ANY_OBJECT: dict[str, Any] = {"type": "object"}


def with_tasks(
    developer_id: UUID, agent_id: UUID | None, bodies: Sequence[Mapping[str, Json]], *, in_chat: bool = False
) -> list[dict[str, Any]]:
    """The bodies, those of tasks with what the task takes. In a chat, which does not wait for long, each is followed by
    one that tells how a run stands that it began."""
    wanted = [spec_of(body) for body in bodies if body.get("type") == ToolType.TASK]
    versions = _versions(developer_id, wanted)
    return [each for body in bodies for each in _completed(body, versions, in_chat=in_chat)]


def wrong_task(developer: Developer, spec: Mapping[str, Json]) -> tuple[str, str] | None:
    """Why the developer cannot make a tool of what a spec names, and under which key."""
    tasks = Task.objects.for_developer(developer).filter(pk=spec["task_id"])
    if not tasks.exists():
        return "task_id", "There is no such task"
    number = spec.get("pin", "latest")
    if number != "latest" and not TaskVersion.objects.filter(task__in=tasks, number=number).exists():
        return "pin", "The task has no such version"
    return None


def _versions(developer_id: UUID, specs: Sequence[Mapping[str, Json]]) -> dict[tuple[str, Json], TaskVersion]:
    """Versions by what specs say of them, as far as they are the developer's."""
    wanted = Q()
    for spec in specs:
        pin = spec.get("pin", "latest")
        number = F("task__version_number") if pin == "latest" else pin
        wanted |= Q(task_id=parse_uuid(str(spec.get("task_id")), "task_id"), number=number)
    rows = TaskVersion.objects.filter(wanted, task__developer_id=developer_id).defer("program", "tools")
    found: dict[tuple[str, Json], TaskVersion] = {}
    for version in rows.select_related("task"):
        found[str(version.task_id), version.number] = version
        if version.number == version.task.version_number:
            found[str(version.task_id), "latest"] = version
    return found


def _completed(
    body: Mapping[str, Json], versions: Mapping[tuple[str, Json], TaskVersion], *, in_chat: bool
) -> Iterator[dict[str, Any]]:
    if body.get("type") != ToolType.TASK:
        yield dict(body)
        return
    spec = spec_of(body)
    version = versions.get((str(spec.get("task_id")), spec.get("pin", "latest")))
    if version is None:
        # It was removed: whoever calls it is told so.
        yield dict(body)
        return
    schema = version.input_schema
    is_object = schema is not None and schema.get("type", "object") == "object"
    about = (version.task.description or "").strip()[:_LONGEST_ABOUT] or f"Run the task {version.task.name}."
    whole = {**spec, "parameters": {**_ANY_OBJECT, **schema} if is_object and schema else _OPEN, "about": about}
    yield {**body, "task": whole}
    if in_chat:
        told = f"How a run stands that {body['name']} began and that had not ended yet, and what it gave."
        name = f"{body['name']}{_SUFFIX}"
        yield {
            **{key: value for key, value in body.items() if key != "approval"},
            "name": name,
            "effect": "reads",
            "description": told,
            "task": {**spec, "parameters": _ASKED, "asks": True},
        }


_OPEN: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}
