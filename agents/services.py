"""Writes of agents and their tools. Each is one transaction, limited to one developer."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import psycopg.errors
from django.db import IntegrityError, models, transaction

from agents import selectors
from agents.llm.choice import check_listed
from agents.models import DEFAULT_PROJECT, Agent, Developer, Tool
from agents.names import generate_canonical_name
from agents.tool_definitions import ToolDefinition, patch_tool
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import NotFound
from julep_project.core.ids import uuid7
from julep_project.core.models import completed

# What a whole agent has beside its names and project.
_FIELDS = ("about", "model", "instructions", "default_settings", "default_system_template", "metadata")

Row = TypeVar("Row")


def create_agent(*, developer: Developer, values: Mapping[str, Any], agent_id: UUID | None = None) -> Agent:
    """Create an agent; what `values` leaves out gets its default, and a canonical name is made up.

    Raises:
        BadRequest: the model is not one this server offers.
        NotFound: the project does not exist.
        IntegrityError: the canonical name is taken.
    """
    _check_model(values.get("model"))
    project = selectors.get_project_named(developer, values.get("project") or DEFAULT_PROJECT)
    canonical_name = values.get("canonical_name") or generate_canonical_name(values["name"])
    agent = Agent(
        id=agent_id or uuid7(),
        developer=developer,
        project=project,
        name=values["name"],
        canonical_name=canonical_name,
        **completed(Agent, _FIELDS, values),
    )
    with transaction.atomic():
        agent.save(force_insert=True)
    return selectors.get_agent(developer, agent.id)


def replace_agent(*, developer: Developer, agent_id: UUID, values: Mapping[str, Any]) -> Agent:
    """Overwrite an agent; what `values` leaves out gets its default, except that a canonical name is kept.

    Raises:
        BadRequest: the model is not one this server offers.
        NotFound: the agent or the project does not exist.
        IntegrityError: the canonical name is taken.
    """
    selectors.get_agent(developer, agent_id)
    _check_model(values.get("model"))
    project = selectors.get_project_named(developer, values.get("project") or DEFAULT_PROJECT)
    changes = {"name": values["name"], "project": project, **completed(Agent, _FIELDS, values)}
    if values.get("canonical_name"):
        changes["canonical_name"] = values["canonical_name"]
    return _update_agent(developer, agent_id, changes)


def patch_agent(*, developer: Developer, agent_id: UUID, values: Mapping[str, Any]) -> Agent:
    """Change what `values` names. Metadata is merged, other objects are replaced.

    Raises:
        BadRequest: the model is not one this server offers.
        NotFound: the agent or the project does not exist.
        IntegrityError: the canonical name is taken.
    """
    _check_model(values.get("model"))
    changes = dict(values)
    if "project" in changes:
        changes["project"] = selectors.get_project_named(developer, changes["project"])
    with transaction.atomic():
        locked = Agent.objects.for_developer(developer).select_for_update().filter(pk=agent_id).first()
        if locked is None:
            raise NotFound("Agent not found")
        if "metadata" in changes:
            changes["metadata"] = {**locked.metadata, **changes["metadata"]}
        return _update_agent(developer, agent_id, changes)


def create_or_replace_agent(*, developer: Developer, agent_id: UUID, values: Mapping[str, Any]) -> Agent:
    """Overwrite the agent with this id, or create it.

    Raises:
        BadRequest: the model is not one this server offers.
        NotFound: the project does not exist, or the id belongs to another developer.
        IntegrityError: the canonical name is taken.
    """
    return create_or_replace(
        exists=selectors.list_agents(developer).filter(pk=agent_id).exists,
        create=lambda: create_agent(developer=developer, values=values, agent_id=agent_id),
        replace=lambda: replace_agent(developer=developer, agent_id=agent_id, values=values),
    )


@transaction.atomic
def delete_agent(*, developer: Developer, agent_id: UUID) -> None:
    """Remove an agent with its tools, tasks and their executions.

    Raises:
        NotFound: there is no such agent (any more).
    """
    agent = Agent.objects.for_developer(developer).select_for_update().filter(pk=agent_id).first()
    if agent is None:
        raise NotFound("Agent not found")
    agent.delete()


def create_tool(*, developer: Developer, agent: Agent, definition: ToolDefinition, tool_id: UUID | None = None) -> Tool:
    """Add a tool to an agent.

    Raises:
        IntegrityError: the agent has a tool of this name.
    """
    tool = Tool(id=tool_id or uuid7(), developer=developer, agent=agent, **_columns(definition))
    with transaction.atomic():
        tool.save(force_insert=True)
    return selectors.get_tool(developer, agent, tool.id)


def create_tool_once(*, developer: Developer, agent: Agent, definition: ToolDefinition, tool_id: UUID) -> Tool:
    """Add a tool to an agent under this id, or give back the one that an earlier attempt added under it.

    Raises:
        IntegrityError: the agent has another tool of this name.
    """
    return create_or_replace(
        exists=selectors.list_tools(developer, agent).filter(pk=tool_id).exists,
        create=lambda: create_tool(developer=developer, agent=agent, definition=definition, tool_id=tool_id),
        replace=lambda: selectors.get_tool(developer, agent, tool_id),
    )


def replace_tool(*, developer: Developer, agent: Agent, tool_id: UUID, definition: ToolDefinition) -> Tool:
    """Overwrite a tool, its type included.

    Raises:
        NotFound: the agent has no such tool.
        IntegrityError: the agent has another tool of this name.
    """
    with transaction.atomic():
        rows = selectors.list_tools(developer, agent).filter(pk=tool_id)
        if not rows.update(updated_at=DatabaseNow(), **_columns(definition)):
            raise NotFound("Tool not found")
    return selectors.get_tool(developer, agent, tool_id)


def change_tool(*, developer: Developer, agent: Agent, tool_id: UUID, body: Any) -> Tool:
    """Merge a PATCH body into a tool.

    Raises:
        NotFound: the agent has no such tool.
        InvalidInput: the merged tool would not be valid.
        IntegrityError: the agent has another tool of this name.
    """
    with transaction.atomic():
        locked = selectors.list_tools(developer, agent).select_for_update().filter(pk=tool_id).first()
        if locked is None:
            raise NotFound("Tool not found")
        definition = patch_tool(locked, body)
        return replace_tool(developer=developer, agent=agent, tool_id=tool_id, definition=definition)


def delete_tool(*, developer: Developer, agent: Agent, tool_id: UUID) -> None:
    """Remove a tool.

    Raises:
        NotFound: the agent has no such tool (any more).
    """
    removed, _ = selectors.list_tools(developer, agent).filter(pk=tool_id).delete()
    if not removed:
        raise NotFound("Tool not found")


def create_or_replace(*, exists: Callable[[], bool], create: Callable[[], Row], replace: Callable[[], Row]) -> Row:
    """Replace what is there, else create it; a row that appears in between is replaced.

    When the id is in use but not visible to the developer, `replace` says that it is not found.
    """
    if exists():
        return replace()
    try:
        return create()
    except IntegrityError as error:
        if not _is_primary_key_taken(error):
            raise
    return replace()


def _is_primary_key_taken(error: IntegrityError) -> bool:
    cause = error.__cause__
    return isinstance(cause, psycopg.errors.UniqueViolation) and (cause.diag.constraint_name or "").endswith("_pkey")


def _check_model(name: str | None) -> None:
    if name:
        check_listed(name)


def _update_agent(developer: Developer, agent_id: UUID, changes: Mapping[str, Any]) -> Agent:
    with transaction.atomic():
        rows: models.QuerySet[Agent] = Agent.objects.for_developer(developer).filter(pk=agent_id)
        if not rows.update(updated_at=DatabaseNow(), **changes):
            raise NotFound("Agent not found")
    return selectors.get_agent(developer, agent_id)


def _columns(definition: ToolDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "type": definition.type,
        "description": definition.description,
        "spec": definition.spec,
        "at_most_once": definition.at_most_once,
    }
