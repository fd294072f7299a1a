"""Imports the operations of a document into an agent, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import transaction

from agents import selectors, services
from agents.audit.recording import Act, record_all
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Agent, Developer, Tool
from agents.openapi.credentials import Login, schemes_of
from agents.openapi.document import Document, NotExpressible
from agents.openapi.servers import ChosenServer, server_of
from agents.openapi.tools import Operation, Wanted, definition_of, operations_of
from agents.tool_definitions import SAID_OF_CALLS, ToolDefinition, settings_of_tool
from agents.tools.secret_values import warnings_of
from julep_project.core.ids import uuid7
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found

MOST_TOOLS = 100
REFUSE, REPLACE, SKIP = "refuse", "replace", "skip"
_TAKEN = "the agent has another tool of this name"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is imported and how. Without `operations` and `tags`, all that the document has."""

    document: Document
    operations: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    prefix: str = ""
    server: ChosenServer = field(default_factory=ChosenServer)
    auth: Mapping[str, Login] = field(default_factory=dict)
    on_conflict: str = REFUSE


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation with the tool that it becomes, or the reason why it does not. `tool` is there once it is stored."""

    operation: Operation
    definition: ToolDefinition | None = None
    left_out: tuple[str, ...] = ()
    reason: str | None = None
    tool: Tool | None = None


@dataclass(slots=True)
class Imported:
    """What became of each operation."""

    server: str
    created: list[Planned] = field(default_factory=list)
    replaced: list[Planned] = field(default_factory=list)
    skipped: list[Planned] = field(default_factory=list)
    refused: list[Planned] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def import_tools(*, developer: Developer, agent_id: UUID, request: ImportRequest, dry_run: bool = False) -> Imported:
    """Give the agent the operations as tools; with `dry_run`, only tell what would become of them.

    What cannot become a tool is told with the reason, and the others are imported. A tool that is replaced keeps its
    properties: `approval`, `effect` and the others.

    Raises:
        NotFound: there is no such agent.
        InvalidInput: the server or a security scheme is not the document's, or there are too many operations.
        IntegrityError: another request made a tool of one of the names meanwhile.
    """
    imported, planned = _planned(request)
    with transaction.atomic():
        if not dry_run:
            agents = Agent.objects.for_developer(developer).select_for_update(no_key=True)
            get_or_not_found(agents, agent_id, "Agent")
        tools = {tool.name: tool for tool in selectors.list_tools(developer, agent_id)}
        for one in planned:
            _sort(imported, one, tools.get(one.definition.name) if one.definition else None, request.on_conflict)
        if not dry_run:
            imported.created = _created(developer, agent_id, imported.created)
            imported.replaced = [_replaced(developer, agent_id, one) for one in imported.replaced]
    imported.warnings = warnings_of(developer, _secret_places(request), agent_id)
    return imported


def _planned(request: ImportRequest) -> tuple[Imported, list[Planned]]:
    """What would become of each operation, whatever tools there are."""
    document = request.document
    if unknown := request.auth.keys() - schemes_of(document).keys():
        known = ", ".join(sorted(map(str, schemes_of(document)))[:20]) or "none"
        told = f"The document has no security scheme of this name (it has: {known[:300]})"
        raise invalid(["auth", min(unknown)], "value_error", msg=told, received=min(unknown))
    try:
        root = server_of(document, request.server)
    except NotExpressible as error:
        raise invalid(["server"], "value_error", msg=str(error), received=request.server.url) from error
    wanted = Wanted(document, root, request.server, request.auth, request.prefix)
    return Imported(root), _apart(_selected(request), wanted)


def _selected(request: ImportRequest) -> list[Operation | str]:
    """The operations that are meant, and ids that no operation has."""
    everything = list(operations_of(request.document))
    ids = {operation.id for operation in everything} | {f"{each.method} {each.path}" for each in everything}
    selected: list[Operation | str] = [name for name in request.operations if name not in ids]
    names, tags = frozenset(request.operations), frozenset(request.tags)
    for each in everything:
        is_all = not names and not tags
        if is_all or each.id in names or f"{each.method} {each.path}" in names or each.tags & tags:
            selected.append(each)
    if len(selected) > MOST_TOOLS:
        told = f"These are {len(selected)} operations; at most {MOST_TOOLS} are imported at once"
        fix = "Choose some by `operations` or `tags`"
        raise invalid(["operations"], "value_error", msg=told, fix=fix, received=len(selected))
    return selected


def _apart(selected: list[Operation | str], wanted: Wanted) -> list[Planned]:
    """The plans for the operations, of which no two make a tool of one name."""
    planned: list[Planned] = []
    names: set[str] = set()
    for each in selected:
        if isinstance(each, str):
            missing = Operation(each, "", "", {}, {})
            planned.append(Planned(missing, reason="the document has no such operation"))
            continue
        try:
            definition, left_out = definition_of(each, wanted)
        except NotExpressible as error:
            planned.append(Planned(each, reason=str(error)))
            continue
        if definition.name in names:
            planned.append(Planned(each, reason=f"another operation becomes the tool {definition.name!r}"))
            continue
        names.add(definition.name)
        planned.append(Planned(each, definition, tuple(left_out)))
    return planned


def _sort(imported: Imported, one: Planned, taken: Tool | None, on_conflict: str) -> None:
    if one.definition is None:
        imported.refused.append(one)
    elif taken is None:
        imported.created.append(one)
    elif on_conflict == REFUSE:
        imported.refused.append(replace(one, reason=_TAKEN))
    elif on_conflict == SKIP:
        imported.skipped.append(replace(one, reason=_TAKEN, tool=taken))
    else:
        kept = replace(one.definition, **{name: getattr(taken, name) for name in SAID_OF_CALLS})
        is_same = all(getattr(taken, name) == value for name, value in vars(kept).items())
        if is_same:
            imported.skipped.append(replace(one, reason="it is there as it is", tool=taken))
        else:
            imported.replaced.append(replace(one, definition=kept, tool=taken))


def _created(developer: Developer, agent_id: UUID, planned: list[Planned]) -> list[Planned]:
    made = [
        replace(one, tool=Tool(id=uuid7(), developer=developer, agent_id=agent_id, **vars(one.definition)))
        for one in planned
    ]
    tools = [one.tool for one in made if one.tool is not None]
    Tool.objects.bulk_create(tools)
    acts = [Act(Verb.CREATE, ObjectKind.TOOL, each.pk, each.name, after=settings_of_tool(each)) for each in tools]
    record_all(developer.pk, acts)
    return made


def _replaced(developer: Developer, agent_id: UUID, one: Planned) -> Planned:
    assert one.definition is not None and one.tool is not None
    body = one.definition.to_wire()
    changed = services.replace_tool(developer=developer, agent_id=agent_id, tool_id=one.tool.pk, body=body)
    return replace(one, tool=changed)


def _secret_places(request: ImportRequest) -> dict[str, str]:
    return {login.secret: f"auth.{name}" for name, login in request.auth.items() if login.secret}
