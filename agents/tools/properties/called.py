"""What one call of a tool does to the world, which may be worse than what is known of the tool by its definition."""

from collections.abc import Mapping
from types import MappingProxyType

from agents.tool_types import Effect, ToolType
from agents.tools.api_call.places import places_of
from agents.tools.body import spec_of
from agents.tools.presets import NO_PRESETS, Presets, with_setup
from agents.tools.properties.effects import usual_effect
from agents.tools.properties.properties import properties_of
from julep_project.core.json_value import Json

METHOD, URL = "method", "url"
NO_ARGUMENTS: Mapping[str, Json] = MappingProxyType({})
_BY_HARM = tuple(Effect)


def effect_of_call(
    tool: Mapping[str, Json], arguments: Mapping[str, Json] = NO_ARGUMENTS, presets: Presets = NO_PRESETS
) -> Effect:
    """What a call does with these arguments of the author of a task; a model's decide nothing of it. What an `api_call`
    says of itself holds for the request it defines: of another method, or to another address, it is at least what is
    usual for that."""
    said = properties_of(tool).effect
    if tool.get("type") != ToolType.API_CALL:
        return said
    defined, called = spec_of(tool), spec_of(with_setup(presets, tool))
    brought = {name: value for name, value in {**arguments, **presets.for_tool(tool)}.items() if value is not None}
    places = places_of(called)
    request = {**called, **{name: brought[name] for name in (METHOD, URL) if name in brought and name not in places}}
    if _method(request) == _method(defined) and request.get(URL) == defined.get(URL):
        return said
    return max(said, usual_effect({**tool, "api_call": request}), key=_BY_HARM.index)


def _method(request: Mapping[str, Json]) -> str:
    return str(request.get(METHOD)).upper()
