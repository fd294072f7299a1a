"""The arguments that the body of a tool sets itself."""

from collections.abc import Mapping

from agents.tool_types import ToolType
from agents.tools.body import spec_of
from julep_project.core.json_value import Json


def fixed_arguments(tool: Mapping[str, Json]) -> dict[str, Json]:
    """Arguments the definition sets: `arguments` and, of a system tool, `resource_id` under its full name."""
    kind, spec = tool.get("type"), spec_of(tool)
    if kind not in (ToolType.INTEGRATION, ToolType.SYSTEM):
        return {}
    given = spec.get("arguments")
    fixed = dict(given) if isinstance(given, Mapping) else {}
    if kind == ToolType.SYSTEM and spec.get("resource_id"):
        fixed[f"{spec.get('resource')}_id"] = spec["resource_id"]
    return fixed


def without(schema: Mapping[str, Json], names: Mapping[str, Json]) -> dict[str, Json]:
    """The schema of an object without some of its properties."""
    properties = schema.get("properties")
    left = dict(schema)
    if isinstance(properties, Mapping):
        left["properties"] = {name: part for name, part in properties.items() if name not in names}
    if isinstance(schema.get("required"), list):
        left["required"] = [name for name in schema["required"] if name not in names]
        if not left["required"]:
            del left["required"]
    return left
