"""Tasks as clients see them."""

from typing import Any

from julep_project.core.clock import to_wire
from tasks.models import Task, TaskVersion


def task_to_wire(task: Task, version: TaskVersion) -> dict[str, Any]:
    """The task object: sub-workflows are top-level keys, as in requests."""
    return {
        **version.source,
        "id": str(task.pk),
        "agent_id": str(task.agent_id),
        "name": task.name,
        "canonical_name": task.canonical_name,
        "description": task.description,
        "input_schema": version.input_schema,
        "tools": version.tools,
        "inherit_tools": version.inherit_tools,
        "metadata": task.metadata,
        "version": version.number,
        "dialect": version.dialect,
        "warnings": version.warnings,
        "created_at": to_wire(task.created_at),
        "updated_at": to_wire(task.updated_at),
    }
