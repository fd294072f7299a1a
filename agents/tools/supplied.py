"""The arguments of a call: what the caller supplies, what the definition sets and what metadata presets."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from agents.tool_types import ToolType
from agents.tools.body import name_of
from agents.tools.definition import fixed_arguments, without
from agents.tools.errors import BadArguments
from agents.tools.presentation import parameters_of
from agents.tools.presets import NO_PRESETS, Presets
from julep_project.core.json_value import Json
from julep_project.core.schemas.json_schema import UnusableSchema, find_problem


@dataclass(frozen=True, slots=True)
class Settled:
    """Arguments as the runner gets them, and which of them a model supplied."""

    arguments: Mapping[str, Json]
    by_model: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call as whoever makes it says it: of a tool, given as its wire body, with these arguments.

    `presets` are what metadata lays over both. `secrets` are names by the marks that stand for them in the arguments.
    With `from_model` a model wrote the arguments.
    """

    tool: Mapping[str, Any] = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)
    _: KW_ONLY
    presets: Presets = field(default=NO_PRESETS, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    from_model: bool = False

    def settled(self) -> Settled:
        """Arguments written by the author of a task win over the definition; presets win over both. A model supplies
        only what it was offered, and everything else wins over it.

        Raises:
            BadArguments: what a model supplies does not fit the schema it was shown.
        """
        preset = self.presets.for_tool(self.tool)
        if not self.from_model:
            return Settled({**fixed_arguments(self.tool), **self.arguments, **preset})
        decided = {**fixed_arguments(self.tool), **preset}
        offered = without(parameters_of(self.tool), decided)
        kept = {
            name: value
            for name, value in self.arguments.items()
            if name not in decided and _is_offered(self.tool, offered, name)
        }
        _check(self.tool, offered, kept)
        return Settled({**kept, **decided}, frozenset(kept))


def _is_offered(tool: Mapping[str, Json], offered: Mapping[str, Json], name: str) -> bool:
    """Whether the schema names it. One that is open takes any name, except that of an `api_call`: there names decide
    what becomes of the value. Those of servers are open where they do not say that they are closed."""
    properties = offered.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        return True
    if tool.get("type") == ToolType.MCP:
        return offered.get("additionalProperties") is not False or "patternProperties" in offered
    return offered.get("additionalProperties") is True and tool.get("type") != ToolType.API_CALL


def _check(tool: Mapping[str, Json], offered: Mapping[str, Json], arguments: Mapping[str, Json]) -> None:
    try:
        problem = find_problem(offered, dict(arguments))
    except UnusableSchema:
        return  # it tells the model what to supply, and cannot be used for more
    if problem is not None:
        raise BadArguments(f"the arguments of {name_of(tool)} do not fit: {problem.message} (at {problem.path})")
