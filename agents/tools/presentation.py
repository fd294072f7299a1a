"""How tools are shown: to a model in the form of the chat completions API, to anybody else by four facts.

A definition also holds what only its runner may see: addresses, headers, passwords, fixed arguments. So whatever shows
tools (scopes of templates and expressions, system operations, staff pages) does it through this file. Only the owner
of the API key reads whole definitions, over REST.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from agents.tool_types import ToolType
from agents.tools import system
from agents.tools.body import name_of, spec_of
from agents.tools.definition import fixed_arguments, without
from agents.tools.integrations.registry import find_method
from julep_project.core.json_value import Json

NO_PARAMETERS: Mapping[str, Json] = {"type": "object", "properties": {}}
ANY_PARAMETERS: Mapping[str, Json] = {**NO_PARAMETERS, "additionalProperties": True}
SAID_TO_AGENT: Mapping[str, Json] = {
    "type": "object",
    "properties": {"message": {"type": "string", "minLength": 1, "description": "What to say to the agent"}},
    "required": ["message"],
}
_ROW = ("id", "created_at", "updated_at")
_PROVIDER_KINDS = {ToolType.COMPUTER.value, ToolType.TEXT_EDITOR.value, ToolType.BASH.value}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of tool says of itself: the schema of its arguments, and a text for want of a better one."""

    parameters: Mapping[str, Json]
    description: str | None = None


def parameters_of(tool: Mapping[str, Json]) -> dict[str, Json]:
    """The schema of the arguments a model may supply: all but those the definition sets itself."""
    shape = _shape_of(tool)
    return dict(NO_PARAMETERS) if shape is None else without(shape.parameters, fixed_arguments(tool))


def present_tools(tools: Iterable[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """Tools as a model is told of them. A body that is in the model's form already stays as it is; tools that this
    server cannot run are left out, and of two tools with one name the first is kept."""
    presented: dict[str, dict[str, Json]] = {}
    for tool in tools:
        shown = _present(tool)
        if shown is not None:
            presented.setdefault(_name_in(shown), shown)
    return list(presented.values())


def shown_tool(tool: Mapping[str, Json]) -> dict[str, Json]:
    """All that may be known of a tool by whoever does not run it: name, type, description and parameters.

    Of a function they stand under `function` as well, which is where models and most templates look for them.
    """
    kind = _kind_of(tool)
    typed = {**tool, "type": kind}
    description = tool.get("description") or spec_of(typed).get("description")
    facts = {"name": name_of(typed), "description": description, "parameters": parameters_of(typed)}
    return {**facts, "type": kind, **({"function": dict(facts)} if kind == ToolType.FUNCTION else {})}


def shown_body(tool: Mapping[str, Json]) -> dict[str, Json]:
    """The same, with what names the row of a stored tool."""
    return {**{name: tool[name] for name in _ROW if name in tool}, **shown_tool(tool)}


def with_shown_tools(value: Json) -> Json:
    """A part of a task with every definition of a tool in it as it is shown: those in lists called `tools`, and one
    called `tool`. Names of tools that are defined elsewhere stay as they are."""
    if isinstance(value, list):
        return [with_shown_tools(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {name: _SHOWN_UNDER.get(name, with_shown_tools)(part) for name, part in value.items()}


def _shown_list(tools: Json) -> Json:
    return [_shown_if_whole(tool) for tool in tools] if isinstance(tools, list) else with_shown_tools(tools)


def _shown_if_whole(tool: Json) -> Json:
    if not isinstance(tool, Mapping):
        return with_shown_tools(tool)
    if isinstance(tool.get("ref"), Mapping):
        return {"ref": _shown_if_whole(tool["ref"])}
    return shown_tool(tool) if _kind_of(tool) else with_shown_tools(tool)


_SHOWN_UNDER: Mapping[str, Callable[[Json], Json]] = {"tools": _shown_list, "tool": _shown_if_whole}


def _kind_of(tool: Mapping[str, Json]) -> str:
    """The type; a body without one has a single spec. Empty: it is no definition."""
    return str(tool.get("type") or next((kind for kind in ToolType.values if isinstance(tool.get(kind), Mapping)), ""))


def shown_name(tool: Mapping[str, Json]) -> str:
    """The name by which a model calls the tool; its own for one that models are not told of."""
    shown = _present(tool)
    return name_of(tool) if shown is None else _name_in(shown)


def _shape_of(tool: Mapping[str, Json]) -> Shape | None:
    spec = spec_of(tool)
    match tool.get("type"):
        case ToolType.FUNCTION:
            return Shape(spec.get("parameters") or NO_PARAMETERS, spec.get("description"))
        case ToolType.API_CALL:
            return Shape(spec.get("params_schema") or NO_PARAMETERS)
        case ToolType.SYSTEM if operation := system.find_operation(spec):
            return Shape(operation.parameters, operation.description)
        case ToolType.INTEGRATION if method := find_method(spec):
            return Shape(method.arguments, method.description)
        case ToolType.MCP if "of_tool" in spec and "state" not in spec:
            return Shape(spec["parameters"])
        case ToolType.TASK:
            return Shape(spec.get("parameters") or ANY_PARAMETERS, spec.get("about"))
        case ToolType.AGENT:
            return Shape(SAID_TO_AGENT, spec.get("about"))
    return None


def _present(tool: Mapping[str, Json]) -> dict[str, Json] | None:
    kind, spec = str(tool.get("type")), spec_of(tool)
    if kind in _PROVIDER_KINDS:
        return _provider_form(kind, spec)
    if "name" not in tool and "name" in spec:
        return dict(tool)
    shape = _shape_of(tool)
    if shape is None:
        return None
    function: dict[str, Json] = {"name": name_of(tool), "parameters": parameters_of(tool)}
    description = tool.get("description") or shape.description
    if description:
        function["description"] = description
    return {"type": "function", "function": function}


def _provider_form(kind: str, spec: Mapping[str, Json]) -> dict[str, Json]:
    """The provider's own tools: the computer tool carries its display as parameters."""
    display = {key: value for key, value in spec.items() if key.startswith("display_")}
    if display:
        return {"type": kind, "function": {"name": spec["name"], "parameters": display}}
    return {"type": kind, "name": spec.get("name", kind)}


def _name_in(shown: Mapping[str, Json]) -> str:
    return str(shown.get("name") or shown["function"]["name"])
