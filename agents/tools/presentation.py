"""How tools are shown to a model: in the form of the chat completions API."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agents.tool_types import ToolType

Json = Any
Presenter = Callable[[Mapping[str, Json]], dict[str, Json]]
NO_PARAMETERS: Mapping[str, Json] = {"type": "object", "properties": {}}
_PROVIDER_KINDS = {ToolType.COMPUTER.value, ToolType.TEXT_EDITOR.value, ToolType.BASH.value}


def _function_parameters(spec: Mapping[str, Json]) -> dict[str, Json]:
    return dict(spec.get("parameters") or NO_PARAMETERS)


def _api_call_parameters(spec: Mapping[str, Json]) -> dict[str, Json]:
    return dict(spec.get("params_schema") or NO_PARAMETERS)


_parameters: dict[str, Presenter] = {
    ToolType.FUNCTION.value: _function_parameters,
    ToolType.API_CALL.value: _api_call_parameters,
}


def register_parameters(kind: str, presenter: Presenter) -> None:
    """Say how the parameters of a kind of tool follow from its spec.

    Raises:
        ValueError: the kind has a presenter already.
    """
    if _parameters.setdefault(kind, presenter) is not presenter:
        raise ValueError(f"tools of the kind {kind!r} are presented already")


def present_tools(tools: Iterable[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """Tools as a model is told of them. A body that is in the model's form already stays as it is; kinds nobody
    knows how to present are left out, and of two tools with one name the first is kept."""
    presented: dict[str, dict[str, Json]] = {}
    for tool in tools:
        shown = _present(tool)
        if shown is not None:
            presented.setdefault(_name_of(shown), shown)
    return list(presented.values())


def _present(tool: Mapping[str, Json]) -> dict[str, Json] | None:
    kind = str(tool.get("type"))
    spec = tool.get(kind) or {}
    if kind in _PROVIDER_KINDS:
        return _provider_form(kind, spec)
    if "name" not in tool and "name" in spec:
        return dict(tool)
    if kind not in _parameters:
        return None
    description = tool.get("description") or spec.get("description")
    function: dict[str, Json] = {"name": tool["name"], "parameters": _parameters[kind](spec)}
    if description:
        function["description"] = description
    return {"type": "function", "function": function}


def _provider_form(kind: str, spec: Mapping[str, Json]) -> dict[str, Json]:
    """The provider's own tools: the computer tool carries its display as parameters."""
    display = {key: value for key, value in spec.items() if key.startswith("display_")}
    if display:
        return {"type": kind, "function": {"name": spec["name"], "parameters": display}}
    return {"type": kind, "name": spec.get("name", kind)}


def _name_of(shown: Mapping[str, Json]) -> str:
    return str(shown.get("name") or shown["function"]["name"])
