"""Writes of projects, agents, users and tools. Each is one transaction, limited to one developer."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, RestrictedError

from agents import selectors
from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.llm.choice import check_listed
from agents.mcp.pinning import pin_stored
from agents.models import DEFAULT_PROJECT, Agent, Developer, Project, Tool, User
from agents.resource_services import ResourceServices, Values, create_or_replace
from agents.tool_definitions import (
    SAFEGUARDS,
    ToolDefinition,
    check_reference,
    parse_tool,
    patch_tool,
    settings_of_tool,
)
from agents.tools.runners import current_depth
from agents.tools.secret_names import WHERE, names_a_secret, names_of
from agents.tools.secret_values import check_may_name
from agents.tools.signing_in import check_may_connect
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import Conflict, Forbidden
from julep_project.core.ids import uuid7
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found


class ProjectServices(ResourceServices[Project]):
    """Writes of projects. `default` can be neither removed nor renamed: Forbidden."""

    model = Project
    fields = ("name", "canonical_name", "metadata")

    def prepare_change(self, row: Project, columns: dict[str, Any]) -> None:
        if row.canonical_name == DEFAULT_PROJECT != columns.get("canonical_name", DEFAULT_PROJECT):
            raise Forbidden("The default project cannot be renamed")

    def remove(self, row: Project) -> None:
        """Remove an empty project.

        Raises:
            Conflict: agents, users or files still belong to it.
        """
        if row.canonical_name == DEFAULT_PROJECT:
            raise Forbidden("The default project cannot be deleted")
        try:
            row.delete()
        except RestrictedError:
            raise Conflict("The project is still in use; move or delete what belongs to it first") from None


class AgentServices(ResourceServices[Agent]):
    """Writes of agents. A model that this server does not offer is a BadRequest, a secret in a prompt InvalidInput."""

    model = Agent
    fields = (
        "name", "canonical_name", "about", "model", "instructions", "default_settings", "default_system_template",
        "policy", "metadata",
    )  # fmt: skip
    has_project = True

    def columns(self, developer: Developer, values: Values, *, whole: bool = False) -> dict[str, Any]:
        if values.get("model"):
            check_listed(values["model"])
        for name in ("instructions", "default_system_template"):
            if names_a_secret(values.get(name)):
                raise invalid([name], "value_error", msg="secrets cannot be used here", fix=WHERE)
        return super().columns(developer, values, whole=whole)

    def prepare_change(self, row: Agent, columns: dict[str, Any]) -> None:
        # No tool decides what people are asked about.
        if current_depth():
            columns.pop("policy", None)


class UserServices(ResourceServices[User]):
    """Writes of users. Docs go with a user; sessions it took part in stay."""

    model = User
    fields = ("name", "about", "metadata")
    has_project = True


def create_tool(
    *,
    developer: Developer,
    agent_id: UUID,
    body: Any,
    tool_id: UUID | None = None,
    may_name: AbstractSet[str] | None = None,
) -> Tool:
    """Add a tool to an agent; under an id that is given, once: an earlier attempt's tool is given back. `may_name`: the
    secrets that it may name, if not any.

    Raises:
        NotFound: there is no such agent.
        InvalidInput: the body is no valid tool. Forbidden: it names other secrets.
        IntegrityError: the agent has another tool of this name.
    """
    tools = selectors.list_tools(developer, agent_id)
    definition = _allowed(developer, parse_tool(body), may_name)

    def create() -> Tool:
        with transaction.atomic():
            tool = Tool(id=tool_id or uuid7(), developer=developer, agent_id=agent_id, **vars(definition))
            tool.save(force_insert=True)
            _record(Verb.CREATE, tool, after=settings_of_tool(tool))
        pin_stored(tool)
        return get_or_not_found(tools, tool.pk, "Tool")

    if tool_id is None:
        return create()
    return create_or_replace(
        exists=tools.filter(pk=tool_id).exists,
        create=create,
        replace=lambda: get_or_not_found(tools, tool_id, "Tool"),
    )


def replace_tool(
    *,
    developer: Developer,
    agent_id: UUID,
    tool_id: UUID,
    body: Any,
    may_name: AbstractSet[str] | None = None,
    keeps_safeguards: bool = False,
) -> Tool:
    """Overwrite a tool, its type included, but for its `SAFEGUARDS` if they are to be kept.

    Raises:
        NotFound: there is no such agent, or it has no such tool.
        InvalidInput: the body is no valid tool. Forbidden: it names other secrets.
        IntegrityError: the agent has another tool of this name.
    """
    tools = selectors.list_tools(developer, agent_id)
    definition = _allowed(developer, parse_tool(body), may_name)
    with transaction.atomic():
        changed = _update_tool(_locked_tool(tools, tool_id), definition, keeps_safeguards)
    pin_stored(changed)
    return changed


def change_tool(
    *,
    developer: Developer,
    agent_id: UUID,
    tool_id: UUID,
    body: Any,
    may_name: AbstractSet[str] | None = None,
    keeps_safeguards: bool = False,
) -> Tool:
    """Merge a PATCH body into a tool. Raises what `replace_tool` raises."""
    tools = selectors.list_tools(developer, agent_id)
    with transaction.atomic():
        locked = _locked_tool(tools, tool_id)
        definition = _allowed(developer, patch_tool(locked, body), may_name)
        changed = _update_tool(locked, definition, keeps_safeguards)
    pin_stored(changed)
    return changed


def delete_tool(*, developer: Developer, agent_id: UUID, tool_id: UUID) -> None:
    """Remove a tool.

    Raises:
        NotFound: there is no such agent, or it has no such tool (any more).
    """
    tools = selectors.list_tools(developer, agent_id)
    with transaction.atomic():
        tool = _locked_tool(tools, tool_id)
        _record(Verb.DELETE, tool, before=settings_of_tool(tool))
        tool.delete()


def _allowed(developer: Developer, definition: ToolDefinition, may_name: AbstractSet[str] | None) -> ToolDefinition:
    """The definition, unless it names secrets that whoever makes it may not choose, or what is not the developer's; or
    works in somebody's name, and is made by who may not choose secrets.

    Raises:
        Forbidden, InvalidInput
    """
    check_may_name(names_of(definition.to_wire()), may_name)
    check_may_connect(definition.to_wire(), is_free=may_name is None)
    check_reference(developer, definition)
    return definition


def _locked_tool(tools: "QuerySet[Tool]", tool_id: UUID) -> Tool:
    return get_or_not_found(tools.select_for_update(), tool_id, "Tool")


def _update_tool(locked: Tool, definition: ToolDefinition, keeps_safeguards: bool) -> Tool:
    before = settings_of_tool(locked)
    if keeps_safeguards:
        definition = replace(definition, **{name: getattr(locked, name) for name in SAFEGUARDS})
    rows = Tool.objects.filter(pk=locked.pk)
    rows.update(updated_at=DatabaseNow(), **vars(definition))
    changed: Tool = rows.get()
    _record(Verb.UPDATE, changed, before=before, after=settings_of_tool(changed))
    return changed


def _record(verb: Verb, tool: Tool, **settings: Any) -> None:
    record(tool.developer_id, Act(verb, ObjectKind.TOOL, tool.pk, tool.name, **settings))
