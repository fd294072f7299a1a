"""How tools are shown to a model: in the form of the chat completions API."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.tool_types import ToolType
from agents.tools import system
from agents.tools.definition import fixed_arguments, name_of, spec_of, without
from agents.tools.integrations.registry import find_method

Json = Any
NO_PARAMETERS: Mapping[str, Json] = {"type": "object", "properties": {}}
_PROVIDER_KINDS = {ToolType.COMPUTER.value, ToolType.TEXT_EDITOR.value, ToolType.BASH.value}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of tool says of itself: the schema of its arguments, and a text for want of a better one."""

    parameters: Mapping[str, Json]
    description: str | None = None


def _function(spec: Mapping[str, Json]) -> Shape:
    return Shape(spec.get("parameters") or NO_PARAMETERS, spec.get("description"))


def _api_call(spec: Mapping[str, Json]) -> Shape:
    return Shape(spec.get("params_schema") or NO_PARAMETERS)


def _system(spec: Mapping[str, Json]) -> Shape | None:
    operation = system.find_operation(spec)
    return None if operation is None else Shape(operation.parameters, operation.description)


def _integration(spec: Mapping[str, Json]) -> Shape | None:
    method = find_method(spec)
    return None if method is None else Shape(method.arguments, method.description)


_SHAPES: Mapping[str, Callable[[Mapping[str, Json]], Shape | None]] = {
    ToolType.FUNCTION.value: _function,
    ToolType.API_CALL.value: _api_call,
    ToolType.SYSTEM.value: _system,
    ToolType.INTEGRATION.value: _integration,
}


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


def shown_name(tool: Mapping[str, Json]) -> str:
    """The name by which a model calls the tool; its own for one that models are not told of."""
    shown = _present(tool)
    return name_of(tool) if shown is None else _name_in(shown)


def _shape_of(tool: Mapping[str, Json]) -> Shape | None:
    shape = _SHAPES.get(str(tool.get("type")))
    return None if shape is None else shape(spec_of(tool))


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
