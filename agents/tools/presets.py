"""Arguments that metadata presets for tools: `{"x-integration-args": {"<type>:<name>": {argument: value}}}`.

Beside the key of the product documents, the spellings of other versions count. Under a key, an object is found by the
tool's type and name or by its name alone; any other value stands directly for the argument of that name, for every
tool that declares one. The same keys ending in `-setup` preset the setup of an integration, or fields of the request
of an `api_call`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from agents.tool_types import ToolType
from agents.tools.api_call.arguments import REQUEST_FIELDS
from agents.tools.body import name_of, spec_of
from agents.tools.definition import without
from agents.tools.presentation import parameters_of
from agents.vault.masking import MASK
from julep_project.core.json_value import Json

# The first of these wins where one metadata object has several.
ARGUMENT_KEYS = ("x-integration-args", "x-tool-parameters", "x-integrations-args", "x-api_call-args")
SETUP_KEYS = ("x-integration-setup", "x-tool-setup", "x-integrations-setup", "x-api_call-setup")
# Where the definition has the schema of its arguments.
_SCHEMAS = {
    ToolType.FUNCTION.value: "parameters",
    ToolType.API_CALL.value: "params_schema",
    ToolType.MCP.value: "parameters",
    ToolType.TASK.value: "parameters",
}
_MERGED_FIELDS = ("headers", "cookies", "params")


@dataclass(frozen=True, slots=True)
class Presets:
    """What several metadata objects preset; layers stand weakest first."""

    arguments: tuple[Mapping[str, Json], ...] = ()
    setups: tuple[Mapping[str, Json], ...] = ()

    @classmethod
    def from_metadata(cls, *metadata: Mapping[str, Json] | None) -> Self:
        """Read metadata objects, the one that wins first: session, user, agent; or execution, task, agent."""
        weakest_first = [found for found in reversed(metadata) if found]
        return cls(_layers(weakest_first, ARGUMENT_KEYS), _layers(weakest_first, SETUP_KEYS))

    def for_tool(self, tool: Mapping[str, Json]) -> dict[str, Json]:
        """Preset arguments of a tool given as its wire body."""
        if not self.arguments:
            return {}
        declared = parameters_of(tool).get("properties")
        return _values(self.arguments, tool, declared if isinstance(declared, Mapping) else {})

    def setup_for(self, tool: Mapping[str, Json]) -> dict[str, Json]:
        """Preset setup of a tool."""
        return _values(self.setups, tool, {})


NO_PRESETS = Presets()


def present_with(presets: Presets, tools: Iterable[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """The tools with preset arguments gone from what a model is offered. For showing only, not for running."""
    return [_offered(presets, tool) for tool in tools]


def apply(presets: Presets, tool: Mapping[str, Json], arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments of a call with presets winning."""
    return {**arguments, **presets.for_tool(tool)}


def without_values(metadata: Mapping[str, Json]) -> dict[str, Json]:
    """Metadata as others than its owner may see it: what it presets for tools is as secret as their definitions."""
    keys = (*ARGUMENT_KEYS, *SETUP_KEYS)
    return {name: masked(value) if name in keys else value for name, value in metadata.items()}


def masked(value: Json) -> Json:
    """The names in a value that is secret, at any depth, and nothing of what they stand for."""
    return {name: masked(part) for name, part in value.items()} if isinstance(value, Mapping) else MASK


def with_setup(presets: Presets, tool: Mapping[str, Json]) -> Mapping[str, Json]:
    """The tool with preset setup in its spec."""
    setup, kind, spec = presets.setup_for(tool), tool.get("type"), spec_of(tool)
    if not setup:
        return tool
    if kind == ToolType.INTEGRATION:
        return {**tool, "integration": {**spec, "setup": _overlaid(spec.get("setup"), setup)}}
    if kind == ToolType.API_CALL:
        # A token goes where the definition says: metadata may be of somebody else.
        fixed = {"url"} if "connection" in spec else set()
        fields = {name: value for name, value in setup.items() if name in REQUEST_FIELDS - fixed}
        merged = {name: _overlaid(spec.get(name), fields[name]) for name in _MERGED_FIELDS if name in fields}
        return {**tool, "api_call": {**spec, **fields, **merged}}
    return tool


def _layers(weakest_first: Iterable[Mapping[str, Json]], keys: tuple[str, ...]) -> tuple[Mapping[str, Json], ...]:
    found = (metadata.get(key) for metadata in weakest_first for key in reversed(keys))
    return tuple(layer for layer in found if isinstance(layer, Mapping))


def _values(
    layers: Iterable[Mapping[str, Json]], tool: Mapping[str, Json], declared: Mapping[str, Json]
) -> dict[str, Json]:
    name = name_of(tool)
    values: dict[str, Json] = {}
    for layer in layers:
        values.update({key: layer[key] for key in declared if key in layer and not isinstance(layer[key], Mapping)})
        for key in (name, f"{tool.get('type')}:{name}"):
            entry = layer.get(key)
            if isinstance(entry, Mapping):
                values.update(entry)
    return values


def _offered(presets: Presets, tool: Mapping[str, Json]) -> dict[str, Json]:
    values, kind, spec = presets.for_tool(tool), str(tool.get("type")), spec_of(tool)
    if not values:
        return dict(tool)
    if kind in (ToolType.INTEGRATION, ToolType.SYSTEM):
        return {**tool, kind: {**spec, "arguments": _overlaid(spec.get("arguments"), values)}}
    key = _SCHEMAS.get(kind)
    if key is None or not isinstance(spec.get(key), Mapping):
        return dict(tool)
    return {**tool, kind: {**spec, key: without(spec[key], values)}}


def _overlaid(under: Json, over: Json) -> Json:
    return {**under, **over} if isinstance(under, Mapping) and isinstance(over, Mapping) else over
